"""Schedules and changes of the clocks, told to people."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.schedule import build_timetable, describe, next_changes
from nice_operator.domain.task import Gap, Repeat

WORDS = {
    "manual": "Manual",
    "20 minutes": "Every 20 minutes",
    "every minute": "Every minute",
    "1h30m": "Every 1 hour 30 minutes",
    "* * * * *": "Every minute",
    "*/5 * * * *": "Every 5 minutes",
    "*/7 * * * *": "Every 7 minutes from minute 0",
    "5/10 * * * *": "Every 10 minutes from minute 5",
    "0-30/10 * * * *": "Every 10 minutes from minute 0 to 30 of every hour",
    "0,30 * * * *": "At minutes 0 and 30 of every hour",
    "0-10 * * * *": "At minutes 0 to 10 of every hour",
    "*/15 8-17 * * *": "Every 15 minutes from 08:00 to 17:59",
    "* 2 * * *": "Every minute from 02:00 to 02:59",
    "*/10 2,4 * * 0,6": "Every 10 minutes in the hours 2 and 4, Sunday and Saturday",
    "@hourly": "Every hour",
    "5 * * * *": "Every hour at minute 5",
    "0 */2 * * *": "Every 2 hours",
    "15 */2 * * *": "Every 2 hours at minute 15",
    "0 */5 * * *": "Every 5 hours from 00:00",
    "0 8-17 * * mon-fri": "Every hour from 08:00 to 17:00, Monday to Friday",
    "30 8-17/3 * * *": "Every 3 hours from 08:30 to 17:30",
    "0 2 * * 1-5": "At 02:00, Monday to Friday",
    "0 2,14 * * *": "At 02:00 and 14:00, every day",
    "@weekly": "At 00:00, Sunday",
    "0 0 * * 5-7": "At 00:00, Friday to Sunday",
    "@monthly": "At 00:00, on day 1 of the month",
    "@yearly": "At 00:00, on day 1 of the month, in January",
    "0 0 1,15 jan,jul *": "At 00:00, on days 1 and 15 of the month, in January and July",
    "0 0 */2 */3 *": "At 00:00, on every 2nd day of the month, in every 3rd month",
    "0 0 29 2 1": "At 00:00, on day 29 of the month and on Monday, in February",
    "not a schedule": "not a schedule",
}


@pytest.mark.parametrize(("text", "words"), WORDS.items())
def test_a_schedule_is_told_in_words(text: str, words: str) -> None:
    assert describe(text) == words


def test_the_zone_stands_beside_times_of_day_and_nowhere_else() -> None:
    assert describe("0 2 * * 1", "Europe/Berlin") == "At 02:00, Monday (Europe/Berlin)"
    assert describe("*/5 * * * *", "Europe/Berlin") == "Every 5 minutes"
    assert describe("20 minutes", "Europe/Berlin") == "Every 20 minutes"


def test_a_hashed_schedule_is_told_as_the_task_runs_it() -> None:
    assert describe("H H * * *", hash_key="default/nightly") == "At 07:23, every day"


@given(st.from_regex(r"([0-9*/,H-]{1,9} ){4}[0-9*/,-]{1,9}", fullmatch=True) | st.text())
def test_telling_never_fails(text: str) -> None:
    assert isinstance(describe(text, "UTC"), str)


SPRING_2026 = datetime(2026, 3, 1, tzinfo=UTC)


def changes(text: str, gap: Gap = Gap.RUN_AFTER, repeat: Repeat = Repeat.FIRST) -> list[str]:
    """What the next two changes in Berlin do, without the part that is the same for every task."""
    timetable = build_timetable((text,), time_zone="Europe/Berlin", gap=gap, repeat=repeat)
    return [change.text.split(": ", 1)[1] for change in next_changes(timetable, SPRING_2026)]


def test_the_next_two_changes_are_told_with_their_moment() -> None:
    timetable = build_timetable(("30 2 * * *",), time_zone="Europe/Berlin")
    first, second = next_changes(timetable, SPRING_2026)
    assert (first.at, second.at) == (
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
    )
    assert first.text.startswith("2026-03-29, clocks go forward 1 hour, from 02:00 to 03:00: ")
    assert second.text.startswith("2026-10-25, clocks go back 1 hour, from 03:00 to 02:00: ")


@pytest.mark.parametrize(
    ("gap", "repeat", "spring", "autumn"),
    [
        (
            Gap.RUN_AFTER,
            Repeat.FIRST,
            "runs at 03:00 instead (gap: RunAfter)",
            "runs the first time (repeat: First)",
        ),
        (Gap.SKIP, Repeat.LAST, "that run is left out (gap: Skip)", "runs the second time (repeat: Last)"),
        (Gap.SKIP, Repeat.BOTH, "that run is left out (gap: Skip)", "runs both times (repeat: Both)"),
    ],
)
def test_a_change_says_what_the_policy_makes_of_it(
    gap: Gap, repeat: Repeat, spring: str, autumn: str
) -> None:
    told = changes("30 2 * * *", gap, repeat)
    assert told[0].startswith("02:30 does not exist; ")
    assert told[0].endswith(spring)
    assert told[1].startswith("02:30 comes twice; ")
    assert told[1].endswith(autumn)


def test_a_task_at_another_hour_is_told_that_nothing_happens() -> None:
    assert changes("0 5 * * *") == ["this task is not affected"] * 2


def test_a_task_of_every_few_minutes_is_told_that_real_time_goes_on() -> None:
    spring, autumn = changes("*/15 * * * *")
    assert spring == "02:00 to 02:45 does not exist; the task goes on with the next time that does"
    assert autumn == "02:00 to 02:45 comes twice; the task runs in both passes, as real time goes on"


def test_nothing_is_told_where_clocks_never_change_or_nobody_looks_at_them() -> None:
    assert next_changes(build_timetable(("0 2 * * *",), time_zone="Asia/Tokyo"), SPRING_2026) == ()
    interval = build_timetable(("20 minutes",), time_zone="Europe/Berlin", anchor=SPRING_2026)
    assert next_changes(interval, SPRING_2026) == ()
