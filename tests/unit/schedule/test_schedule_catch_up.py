"""What happens to fires that are overdue: each runs or is missed, exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.schedule import MissReason, Plan, Timetable, build_timetable, plan_fires
from nice_operator.domain.schedule.rules import Rule
from nice_operator.domain.task import CatchUp

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
EVERY_MINUTE = build_timetable(("* * * * *",))


def plan(now: datetime, catch_up: CatchUp, deadline: timedelta | None = None, cap: int = 100) -> Plan:
    """What the every-minute task that was due at noon does at ``now``."""
    return plan_fires(EVERY_MINUTE, due=NOON, now=now, catch_up=catch_up, starting_deadline=deadline, cap=cap)


def times(plan: Plan) -> list[datetime]:
    return [fire.at for fire in plan.fires]


@pytest.mark.parametrize("catch_up", CatchUp)
def test_a_fire_on_time_runs_and_nothing_is_missed(catch_up: CatchUp) -> None:
    done = plan(NOON + timedelta(seconds=2), catch_up)
    assert times(done) == [NOON]
    assert done.fires[0].key == "c:1715774400"
    assert (done.missed, done.reason, done.next_fire_at) == (None, None, NOON + MINUTE)


@pytest.mark.parametrize("catch_up", CatchUp)
def test_nothing_happens_before_it_is_due(catch_up: CatchUp) -> None:
    assert plan(NOON - timedelta(seconds=2), catch_up) == Plan((), None, None, NOON)


def test_latest_runs_the_newest_and_tells_the_others_as_one_span() -> None:
    done = plan(NOON + HOUR, CatchUp.LATEST)
    assert times(done) == [NOON + HOUR]
    assert done.missed == MissedSpan(NOON, NOON + 59 * MINUTE, 60)
    assert done.reason is MissReason.SUPERSEDED
    assert done.next_fire_at == NOON + 61 * MINUTE


def test_latest_runs_nothing_when_even_the_newest_is_too_late() -> None:
    done = plan_fires(
        build_timetable(("0 * * * *",)),
        due=NOON,
        now=NOON + HOUR + 30 * MINUTE,
        catch_up=CatchUp.LATEST,
        starting_deadline=10 * MINUTE,
    )
    assert done == Plan((), MissedSpan(NOON, NOON + HOUR, 2), MissReason.TOO_LATE, NOON + 2 * HOUR)


def test_none_starts_nothing_more_than_a_minute_late_and_loses_nothing_within_it() -> None:
    done = plan(NOON + 10 * MINUTE, CatchUp.NONE)
    assert times(done) == [NOON + 9 * MINUTE, NOON + 10 * MINUTE]
    assert done.missed == MissedSpan(NOON, NOON + 8 * MINUTE, 9)
    assert done.reason is MissReason.TOO_LATE


def test_none_follows_a_deadline_of_its_own() -> None:
    assert len(plan(NOON + 10 * MINUTE, CatchUp.NONE, deadline=3 * MINUTE).fires) == 4


def test_all_runs_every_one_oldest_first() -> None:
    done = plan(NOON + 99 * MINUTE, CatchUp.ALL)
    assert times(done) == [NOON + n * MINUTE for n in range(100)]
    assert done.missed is None


def test_all_beyond_the_cap_runs_the_newest_oldest_of_them_first() -> None:
    done = plan(NOON + 100 * MINUTE, CatchUp.ALL)
    assert times(done) == [NOON + n * MINUTE for n in range(1, 101)]
    assert done.missed == MissedSpan(NOON, NOON, 1)
    assert done.reason is MissReason.CAPPED


def test_all_respects_the_deadline_too() -> None:
    done = plan(NOON + HOUR, CatchUp.ALL, deadline=5 * MINUTE)
    assert len(done.fires) == 6
    assert done.missed == MissedSpan(NOON, NOON + 54 * MINUTE, 55)
    assert done.reason is MissReason.TOO_LATE


def test_a_one_off_that_is_overdue_runs_late_with_its_own_key() -> None:
    once = build_timetable(run_at=NOON)
    done = plan_fires(once, due=NOON, now=NOON + timedelta(days=400), catch_up=CatchUp.LATEST)
    assert [fire.key for fire in done.fires] == ["o:1715774400"]
    assert done.next_fire_at is None


def test_a_promised_fire_that_a_new_time_zone_database_moved_is_still_accounted_for() -> None:
    promised = NOON + timedelta(minutes=30)
    hourly = build_timetable(("0 * * * *",))
    done = plan_fires(hourly, due=promised, now=NOON + 2 * HOUR, catch_up=CatchUp.ALL)
    assert times(done) == [promised, NOON + HOUR, NOON + 2 * HOUR]


@dataclass
class Watched:
    """A rule that counts how often it is asked."""

    rule: Rule
    asked: list[str] = field(default_factory=list)

    def next_after(self, second: int) -> int | None:
        self.asked.append("next")
        return self.rule.next_after(second)

    def mask(self, start: int, end: int) -> int:
        self.asked.append("mask")
        return self.rule.mask(start, end)

    def intended(self, second: int) -> int | None:
        return self.rule.intended(second)


@pytest.mark.parametrize("catch_up", CatchUp)
@pytest.mark.parametrize("text", ["* * * * *", "1 second"])
def test_a_year_of_missed_fires_costs_one_question_a_day(catch_up: CatchUp, text: str) -> None:
    watched = Watched(build_timetable((text,), time_zone="Europe/Berlin", anchor=NOON).rules[0])
    now = NOON + timedelta(days=365)
    done = plan_fires(Timetable((watched,)), due=NOON, now=now, catch_up=catch_up)
    step = timedelta(seconds=1) if text == "1 second" else MINUTE
    assert done.missed is not None
    assert len(done.fires) + done.missed.count == timedelta(days=365) // step + 1
    assert len(watched.asked) <= 370


def walk(timetable: Timetable, due: datetime, now: datetime) -> Iterator[datetime]:
    """Every fire from ``due`` to ``now``, one by one."""
    fire = timetable.next_after(due - timedelta(seconds=1))
    while fire is not None and fire.at <= now:
        yield fire.at
        fire = timetable.next_after(fire.at)


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(
        st.sampled_from(["*/7 * * * *", "0 * * * *", "30 2 * * *", "0 */2 * * *", "20 minutes", "H H * * *"]),
        min_size=1,
        max_size=3,
        unique=True,
    ),
    start=st.datetimes(datetime(2023, 1, 1), datetime(2025, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    down=st.timedeltas(timedelta(), timedelta(days=5)),
    catch_up=st.sampled_from(CatchUp),
    deadline=st.none() | st.timedeltas(timedelta(), timedelta(days=5)),
    cap=st.integers(1, 120),
)
def test_every_planned_fire_runs_or_is_missed_exactly_once(
    texts: list[str],
    start: datetime,
    down: timedelta,
    catch_up: CatchUp,
    deadline: timedelta | None,
    cap: int,
) -> None:
    timetable = build_timetable(tuple(texts), time_zone="Europe/Berlin", anchor=start)
    first = timetable.next_after(start)
    assert first is not None
    now = first.at + down
    planned = list(walk(timetable, first.at, now))

    done = plan_fires(
        timetable, due=first.at, now=now, catch_up=catch_up, starting_deadline=deadline, cap=cap
    )

    missed = planned[: len(planned) - len(done.fires)]
    assert times(done) == planned[len(missed) :]
    assert done.missed == (MissedSpan(missed[0], missed[-1], len(missed)) if missed else None)
    assert (done.reason is None) == (done.missed is None)
    assert len(done.fires) <= (1 if catch_up is CatchUp.LATEST else cap)
    assert all(now - at <= deadline for at in times(done)) if deadline is not None else True
    following = timetable.next_after(now)
    assert done.next_fire_at == (following.at if following else None)
