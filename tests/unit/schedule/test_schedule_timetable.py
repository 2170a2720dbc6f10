"""All schedules of a task as one series: union, bounds, intervals, the one moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.ids import uuid7
from nice_operator.domain.schedule import Fire, Timetable, build_timetable, check_fires, timetable_of
from nice_operator.domain.schedule.rules import bits
from nice_operator.domain.schedule.zones import to_seconds
from nice_operator.domain.task import Concurrency, ConcurrencyPolicy, External, Gap, Repeat, TaskSpec

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(days=1)
CRONS = ("* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "0,30 1-3 * * *", "0 */2 * * *", "H H * * *")
RARE_CRONS = ("0 0 * * *", "15 0 31 * *", "0 0 29 2 *", "0 12 * * 1-5")
SCHEDULES = (*CRONS, *RARE_CRONS, "20 minutes", "45 seconds", "1 day", "7 days")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Cairo")


def series(timetable: Timetable, after: datetime) -> Iterator[Fire]:
    fire = timetable.next_after(after)
    while fire is not None:
        yield fire
        fire = timetable.next_after(fire.at)


def moments(low: int = 1990, high: int = 2060) -> st.SearchStrategy[datetime]:
    edges = datetime(low, 1, 1), datetime(high, 1, 1)  # noqa: DTZ001
    return st.datetimes(*edges, timezones=st.just(UTC))


@st.composite
def timetables(draw: st.DrawFn) -> Timetable:
    return build_timetable(
        tuple(draw(st.lists(st.sampled_from(SCHEDULES), min_size=1, max_size=3, unique=True))),
        time_zone=draw(st.sampled_from(ZONES)),
        gap=draw(st.sampled_from(Gap)),
        repeat=draw(st.sampled_from(Repeat)),
        hash_key=draw(st.text(max_size=5)),
        anchor=draw(moments()),
    )


@settings(max_examples=200, deadline=None)
@given(timetables(), moments())
def test_fires_come_later_and_later_on_whole_seconds_with_keys_of_their_own(
    timetable: Timetable, start: datetime
) -> None:
    fires = list(islice(series(timetable, start), 8))
    assert all(one.at < following.at for one, following in pairwise(fires))
    assert all(fire.at > start and fire.at.microsecond == 0 and fire.at.tzinfo is UTC for fire in fires)
    assert [fire.key for fire in fires] == [f"c:{to_seconds(fire.at)}" for fire in fires]


@settings(max_examples=200, deadline=None)
@given(timetables(), st.datetimes(timezones=st.just(UTC)))
def test_the_next_fire_is_known_in_every_year(timetable: Timetable, start: datetime) -> None:
    fire = timetable.next_after(start)
    assert fire is None or fire.at > start


@settings(max_examples=150, deadline=None)
@given(timetables(), moments(), st.integers(1, 4 * 86_400))
def test_a_mask_and_stepping_agree_on_every_fire(timetable: Timetable, start: datetime, length: int) -> None:
    first = to_seconds(start)
    stepped, at = [], timetable.next_second(first - 1)
    while at is not None and at < first + length:
        stepped.append(at)
        at = timetable.next_second(at)
    assert sorted(first + bit for bit in bits(timetable.mask(first, first + length))) == stepped


@settings(max_examples=100, deadline=None)
@given(st.data(), moments(), st.sampled_from(ZONES))
def test_several_schedules_are_the_union_of_each(data: st.DataObject, start: datetime, zone: str) -> None:
    texts = tuple(data.draw(st.lists(st.sampled_from(SCHEDULES), min_size=2, max_size=3, unique=True)))
    together = build_timetable(texts, time_zone=zone, anchor=start)
    found = list(islice(series(together, start), 6))
    end = found[-1].at if found else start
    alone = [series(build_timetable((text,), time_zone=zone, anchor=start), start) for text in texts]
    expected: set[datetime] = set()
    for each in alone:
        for fire in each:
            if fire.at > end:
                break
            expected.add(fire.at)
    assert {fire.at for fire in found} == expected


def test_an_interval_first_fires_at_its_anchor_and_never_drifts() -> None:
    timetable = build_timetable(("20 minutes",), anchor=NOON + timedelta(milliseconds=300))
    fires = list(islice(series(timetable, NOON - timedelta(days=1)), 3))
    assert [fire.at for fire in fires] == [NOON, NOON + timedelta(minutes=20), NOON + timedelta(minutes=40)]
    much_later = timetable.next_after(NOON + timedelta(days=3650, minutes=1))
    assert much_later is not None
    assert much_later.at == NOON + timedelta(days=3650, minutes=20)


def test_an_interval_without_an_anchor_has_no_fires_yet() -> None:
    assert build_timetable(("20 minutes",)).next_after(NOON) is None


def test_an_interval_of_a_day_counts_24_hours_across_a_change_of_the_clocks() -> None:
    anchor = datetime(2024, 3, 30, 12, tzinfo=UTC)
    timetable = build_timetable(("1 day",), time_zone="Europe/Berlin", anchor=anchor)
    assert [fire.local.hour for fire in islice(series(timetable, anchor - timedelta(1)), 3)] == [13, 14, 14]


def test_run_at_is_one_fire_with_a_key_of_its_own_and_never_early() -> None:
    timetable = build_timetable(run_at=NOON + timedelta(milliseconds=1))
    fires = list(series(timetable, NOON - timedelta(days=9)))
    assert [(fire.at, fire.key) for fire in fires] == [(NOON + timedelta(seconds=1), "o:1715774401")]


def test_bounds_are_part_of_the_time_they_bound() -> None:
    timetable = build_timetable(
        ("0 * * * *",), not_before=NOON + timedelta(hours=1), not_after=NOON + timedelta(hours=3)
    )
    hours = [fire.at.hour for fire in series(timetable, NOON - timedelta(days=400))]
    assert hours == [13, 14, 15]


def test_bounds_within_a_second_shut_out_the_fire_on_their_wrong_side() -> None:
    tick = timedelta(microseconds=1)
    end = NOON + timedelta(minutes=2) - tick
    timetable = build_timetable(("* * * * *",), not_before=NOON + tick, not_after=end)
    assert [fire.at.minute for fire in series(timetable, EARLIER)] == [1]


def test_bounds_at_the_ends_of_time_are_bounds_like_any_other() -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    timetable = build_timetable(("* * * * *",), time_zone="Pacific/Apia", not_before=first, not_after=last)
    assert timetable.next_after(last - timedelta(days=1)) is None
    assert timetable.next_after(first) is not None


def test_every_wrong_schedule_and_the_wrong_zone_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        build_timetable(("0 25 * * *", "* * * * *", "R * * * *"), time_zone="Europe/Brelin")
    fields = [problem.field for problem in refusal.value.problems]
    assert fields == ["timeZone", "schedules[0]", "schedules[2]"]


def test_a_spec_becomes_its_timetable() -> None:
    spec = TaskSpec(
        task_name="t",
        execution=External(),
        timeout=timedelta(seconds=1),
        concurrency=Concurrency(ConcurrencyPolicy.ALLOW, None),
        queue="pool:default",
        schedules=("H 2 * * *",),
        time_zone="Europe/Berlin",
        repeat=Repeat.BOTH,
        not_after=NOON,
    )
    key = str(uuid7())
    assert timetable_of(spec, hash_key=key, anchor=NOON) == build_timetable(
        ("H 2 * * *",), time_zone="Europe/Berlin", repeat=Repeat.BOTH, not_after=NOON, hash_key=key
    )


@pytest.mark.parametrize(
    "timetable",
    [
        build_timetable(),
        build_timetable(("manual",)),
        build_timetable(("0 0 29 2 *",)),
        build_timetable(("20 minutes",)),
        build_timetable(("0 2 * * *",), not_after=datetime(2020, 1, 1, tzinfo=UTC)),
        build_timetable(run_at=datetime(1999, 1, 1, tzinfo=UTC)),
        build_timetable(run_at=NOON, not_before=NOON, not_after=NOON),
    ],
)
def test_a_timetable_that_fires_or_could_have_fired_is_well(timetable: Timetable) -> None:
    assert check_fires(timetable) is None


@pytest.mark.parametrize(
    ("timetable", "words"),
    [
        (build_timetable(("0 0 30 2 *",)), '"0 0 30 2 *" never fires'),
        (build_timetable(("0 2 * * *", "0 0 31 4,6 *")), '"0 0 31 4,6 *" never fires'),
        (
            build_timetable(("0 2 * * *",), not_before=NOON, not_after=EARLIER),
            "is later than notAfter",
        ),
        (build_timetable(("0 2 * * *",), not_before=NOON, not_after=NOON + timedelta(hours=2)), "widen"),
        (build_timetable(run_at=NOON, not_after=EARLIER), "widen"),
    ],
)
def test_a_timetable_that_can_never_fire_says_why(timetable: Timetable, words: str) -> None:
    reason = check_fires(timetable)
    assert reason is not None
    assert "never fires" in reason
    assert words in reason


@pytest.mark.parametrize(
    ("schedules", "shared"),
    [
        (("0 3 * * *",), True),
        (("@daily", "manual"), True),
        (("H 3 * * *",), False),
        (("20 minutes",), False),
        (("0 3 * * *", "20 minutes"), False),
    ],
)
def test_tasks_share_a_timetable_unless_something_in_it_is_their_own(
    schedules: tuple[str, ...], shared: bool
) -> None:
    spec = TaskSpec(
        task_name="a",
        execution=External(),
        timeout=timedelta(minutes=1),
        concurrency=Concurrency(ConcurrencyPolicy.ALLOW, None),
        queue="task:default/a",
        schedules=schedules,
    )

    one = timetable_of(spec, hash_key="default/a", anchor=NOON)
    other = timetable_of(spec, hash_key="default/b", anchor=EARLIER + timedelta(seconds=7))

    assert (one is other) is shared
    assert (one == other) is shared
