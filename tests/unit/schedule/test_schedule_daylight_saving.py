"""Clocks that go forward, back, by half an hour, at midnight, or over a whole day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from nice_operator.domain.schedule import build_timetable
from nice_operator.domain.task import Gap, Repeat


def fires(schedule: str, zone: str, day: str, days: int = 1, **policy: Gap | Repeat) -> list[str]:
    """The UTC times, as HH:MM, of the fires in ``days`` times 24 hours from ``day`` 00:00 UTC."""
    timetable = build_timetable((schedule,), time_zone=zone, **policy)
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    found, at = [], start - timedelta(seconds=1)
    while (fire := timetable.next_after(at)) and fire.at < start + timedelta(days=days):
        found.append(f"{fire.at:%H:%M}")
        at = fire.at
    return found


LOS_ANGELES, CHICAGO, BERLIN, ZURICH = (
    "America/Los_Angeles",
    "America/Chicago",
    "Europe/Berlin",
    "Europe/Zurich",
)
LORD_HOWE, SYDNEY = "Australia/Lord_Howe", "Australia/Sydney"

FORWARD = [  # (schedule, zone, day, RunAfter, Skip)
    ("30 2 * * *", LOS_ANGELES, "2020-03-08", ["10:00"], []),
    ("0 2 * * *", LOS_ANGELES, "2020-03-08", ["10:00"], []),
    ("0 3 * * *", LOS_ANGELES, "2020-03-08", ["10:00"], ["10:00"]),
    ("0,30 2 * * *", LOS_ANGELES, "2020-03-08", ["10:00"], []),  # the same instant fires once
    ("0 2,3 * * *", LOS_ANGELES, "2020-03-08", ["10:00"], ["10:00"]),
    ("59 1 * * *", CHICAGO, "2024-03-10", ["07:59"], ["07:59"]),
    ("0 2 * * *", CHICAGO, "2024-03-10", ["08:00"], []),
    ("15 2 * * *", BERLIN, "2023-03-26", ["01:00"], []),
    ("30 2 * * *", ZURICH, "2024-03-31", ["01:00"], []),
    ("15 2 * * *", LORD_HOWE, "2023-09-30", ["15:30"], []),  # 02:00-02:29 do not exist
    ("45 2 * * *", LORD_HOWE, "2023-09-30", ["15:45"], ["15:45"]),
    ("30 2 * * *", SYDNEY, "2023-09-30", ["16:00"], []),
    ("0 0 * * *", "America/Santiago", "2023-09-03", ["04:00"], []),  # midnight does not exist
    ("30 0 * * *", "America/Santiago", "2023-09-03", ["04:00"], []),
    ("0 0 * * *", "Asia/Tehran", "2022-03-21", ["20:30"], []),
    ("0 0 * * *", "Asia/Beirut", "2024-03-30", ["22:00"], []),
    ("0 0 * * *", "Africa/Cairo", "2024-04-25", ["22:00"], []),
    ("0 12 * * *", "Pacific/Apia", "2011-12-30", ["10:00", "22:00"], ["22:00"]),  # the 30th was left out
    ("0 7,9 * * *", BERLIN, "2023-03-26", ["05:00", "07:00"], ["05:00", "07:00"]),
    ("0 7-8 * * *", CHICAGO, "2024-03-10", ["12:00", "13:00"], ["12:00", "13:00"]),
    ("0 1-3 * * *", BERLIN, "2023-03-26", ["00:00", "01:00", "23:00"], ["00:00", "01:00", "23:00"]),
    ("30 1-3 * * *", BERLIN, "2023-03-26", ["00:30", "01:00", "01:30", "23:30"], ["00:30", "01:30", "23:30"]),
]


@pytest.mark.parametrize(("schedule", "zone", "day", "after", "skip"), FORWARD)
def test_a_time_that_does_not_exist_runs_right_after_the_gap_or_not_at_all(
    schedule: str, zone: str, day: str, after: list[str], skip: list[str]
) -> None:
    assert fires(schedule, zone, day, gap=Gap.RUN_AFTER) == after
    assert fires(schedule, zone, day, gap=Gap.SKIP) == skip


BACK = [  # (schedule, zone, day, First, Last); Both is their union
    ("30 1 * * *", LOS_ANGELES, "2020-11-01", ["08:30"], ["09:30"]),
    ("0 1 * * *", CHICAGO, "2024-11-03", ["06:00"], ["07:00"]),
    ("0 2 * * *", CHICAGO, "2024-11-03", ["08:00"], ["08:00"]),
    ("0 2 * * *", BERLIN, "2023-10-29", ["00:00"], ["01:00"]),
    ("59 2 * * *", ZURICH, "2024-10-27", ["00:59"], ["01:59"]),
    ("0 3 * * *", BERLIN, "2023-10-29", ["02:00"], ["02:00"]),
    ("0,20,40 2 * * *", BERLIN, "2023-10-29", ["00:00", "00:20", "00:40"], ["01:00", "01:20", "01:40"]),
    ("0 1-3 * * *", BERLIN, "2023-10-29", ["00:00", "02:00"], ["01:00", "02:00"]),
    ("45 1 * * *", LORD_HOWE, "2024-04-06", ["14:45"], ["15:15"]),  # 01:30-01:59 come twice
    ("15 1 * * *", LORD_HOWE, "2024-04-06", ["14:15"], ["14:15"]),
    ("30 2 * * *", SYDNEY, "2024-04-06", ["15:30"], ["16:30"]),
    ("30 23 * * *", "America/Santiago", "2024-04-07", ["02:30"], ["03:30"]),  # the hour before midnight
    ("30 23 * * *", "Asia/Beirut", "2023-10-28", ["20:30"], ["21:30"]),
    ("0 7,9 * * *", BERLIN, "2023-10-29", ["06:00", "08:00"], ["06:00", "08:00"]),
]


@pytest.mark.parametrize(("schedule", "zone", "day", "first", "last"), BACK)
def test_a_time_that_comes_twice_runs_the_first_time_the_last_time_or_both(
    schedule: str, zone: str, day: str, first: list[str], last: list[str]
) -> None:
    assert fires(schedule, zone, day, repeat=Repeat.FIRST) == first
    assert fires(schedule, zone, day, repeat=Repeat.LAST) == last
    assert fires(schedule, zone, day, repeat=Repeat.BOTH) == sorted({*first, *last})


@pytest.mark.parametrize("gap", Gap)
@pytest.mark.parametrize("repeat", Repeat)
def test_a_schedule_without_a_set_hour_follows_real_time_whatever_the_policy(
    gap: Gap, repeat: Repeat
) -> None:
    for schedule, spacing in (
        ("*/15 * * * *", 15),
        ("* * * * *", 1),
        ("7 * * * *", 60),
        ("7 0-23 * * *", 60),
    ):
        for day in ("2023-03-26", "2023-10-29"):
            found = fires(schedule, BERLIN, day, gap=gap, repeat=repeat)
            minutes = [int(at[:2]) * 60 + int(at[3:]) for at in found]
            assert len(found) == 24 * 60 // spacing
            assert {b - a for a, b in pairwise(minutes)} == {spacing}


@pytest.mark.parametrize("repeat", Repeat)
def test_every_second_hour_reads_the_clock_as_it_runs(repeat: Repeat) -> None:
    spring = fires("0 */2 * * *", BERLIN, "2023-03-25", days=2, repeat=repeat)
    autumn = fires("0 */2 * * *", BERLIN, "2023-10-29", repeat=repeat)
    assert spring[11:13] == ["23:00", "02:00"]  # midnight, then 04:00: there was no 02:00
    assert autumn[:3] == ["00:00", "01:00", "03:00"]  # 02:00, 02:00 again, 04:00


def test_a_moved_fire_tells_the_time_that_was_meant() -> None:
    timetable = build_timetable(("30 2 * * *",), time_zone=BERLIN)
    fire = timetable.next_after(datetime(2023, 3, 25, 12, tzinfo=UTC))
    assert fire is not None
    assert (fire.at, fire.key) == (datetime(2023, 3, 26, 1, tzinfo=UTC), "c:1679792400")
    assert fire.local.isoformat() == "2023-03-26T02:30:00"


def test_a_moved_fire_is_found_by_a_window_that_begins_with_it() -> None:
    timetable = build_timetable(("30 2 * * *",), time_zone=BERLIN)
    assert timetable.mask(1679792400, 1679792401) == 1
    assert timetable.mask(1679792399, 1679792400) == 0


def test_a_repeated_fire_tells_which_pass_it_is() -> None:
    timetable = build_timetable(("30 2 * * *",), time_zone=BERLIN, repeat=Repeat.BOTH)
    first = timetable.next_after(datetime(2023, 10, 28, 12, tzinfo=UTC))
    assert first is not None
    second = timetable.next_after(first.at)
    assert second is not None
    assert first.local == second.local
    assert (first.fold, second.fold) == (0, 1)
    assert first.key != second.key


@pytest.mark.parametrize(
    "zone",
    [BERLIN, LORD_HOWE, "America/Santiago", "Africa/Casablanca", "America/Nuuk", "Antarctica/Troll", "UTC"],
)
def test_a_daily_time_comes_once_on_every_date_whatever_the_clocks_do(zone: str) -> None:
    for hour in range(24):
        timetable = build_timetable((f"30 {hour} * * *",), time_zone=zone)
        fire = timetable.next_after(datetime(2023, 12, 31, 12, tzinfo=UTC))
        dates = []
        while fire and fire.at < datetime(2025, 1, 2, tzinfo=UTC):
            dates.append(fire.local.date())
            fire = timetable.next_after(fire.at)
        assert {b - a for a, b in pairwise(dates)} == {timedelta(days=1)}
        assert len(dates) >= 366
