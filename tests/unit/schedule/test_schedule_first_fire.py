"""Where a schedule begins: at first sight, and after an edit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.schedule import FirstFire, MissReason, Standing, build_timetable, first_fire

NOW = datetime(2024, 5, 15, 12, 30, 15, 400_000, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
HOURLY = build_timetable(("0 * * * *",))
NEXT_HOUR = datetime(2024, 5, 15, 13, tzinfo=UTC)
LAST_HOUR = NEXT_HOUR - HOUR


def span(at: datetime) -> MissedSpan:
    return MissedSpan(at, at, 1)


def test_a_new_cron_task_fires_after_it_was_seen_even_if_it_was_made_long_before() -> None:
    assert first_fire(HOURLY, now=NOW, created_at=NOW - 5 * HOUR) == FirstFire(NEXT_HOUR)


def test_a_new_cron_task_seen_on_its_very_second_waits_for_the_next() -> None:
    assert first_fire(HOURLY, now=LAST_HOUR) == FirstFire(NEXT_HOUR)


def test_a_new_interval_task_fires_at_first_sight() -> None:
    timetable = build_timetable(("20 minutes",), anchor=NOW)
    assert first_fire(timetable, now=NOW) == FirstFire(NOW.replace(microsecond=0))


def test_a_new_interval_task_waits_for_its_not_before_on_its_grid() -> None:
    timetable = build_timetable(("20 minutes",), anchor=NOW, not_before=NOW + MINUTE)
    assert first_fire(timetable, now=NOW) == FirstFire(NOW.replace(microsecond=0) + 20 * MINUTE)


def test_an_interval_seen_first_in_an_edit_waits_for_its_grid() -> None:
    timetable = build_timetable(("20 minutes",), anchor=NOW - 65 * MINUTE)
    found = first_fire(timetable, now=NOW, previous=Standing(HOURLY, NEXT_HOUR))
    assert found == FirstFire(NOW.replace(microsecond=0) + 15 * MINUTE)


def test_a_manual_task_has_no_fire() -> None:
    assert first_fire(build_timetable(("manual",)), now=NOW) == FirstFire(None)


def test_a_one_off_in_the_future_is_planned() -> None:
    at = NEXT_HOUR
    assert first_fire(build_timetable(run_at=at), now=NOW) == FirstFire(at)


def test_a_one_off_that_came_due_since_the_task_was_made_is_due() -> None:
    at = LAST_HOUR
    assert first_fire(build_timetable(run_at=at), now=NOW, created_at=at - HOUR) == FirstFire(at)


def test_a_one_off_of_the_very_second_in_which_the_task_was_made_is_due() -> None:
    at = NOW.replace(microsecond=0)
    assert first_fire(build_timetable(run_at=at), now=NOW) == FirstFire(at)


def test_a_one_off_from_before_the_task_was_made_is_missed() -> None:
    at = LAST_HOUR
    for created_at in (at + SECOND, None):
        found = first_fire(build_timetable(run_at=at), now=NOW, created_at=created_at)
        assert found == FirstFire(None, span(at), MissReason.BEFORE_CREATION)


def test_an_edit_that_leaves_the_schedule_alone_keeps_what_is_due() -> None:
    same = build_timetable(("0  *  * * *",))
    assert first_fire(same, now=NOW, previous=Standing(HOURLY, LAST_HOUR)) == FirstFire(LAST_HOUR)
    assert first_fire(same, now=NOW, previous=Standing(HOURLY, None)) == FirstFire(None)


def test_an_edit_of_the_schedule_makes_no_past_fire() -> None:
    edited = build_timetable(("*/5 * * * *",))
    found = first_fire(edited, now=NOW, previous=Standing(HOURLY, NEXT_HOUR))
    assert found == FirstFire(NEXT_HOUR - 25 * MINUTE)


def test_what_was_due_under_the_old_schedule_is_told_as_missed() -> None:
    edited = build_timetable(("*/5 * * * *",))
    found = first_fire(edited, now=NOW, previous=Standing(HOURLY, LAST_HOUR - 2 * HOUR))
    expected = MissedSpan(LAST_HOUR - 2 * HOUR, LAST_HOUR, 3)
    assert found == FirstFire(NEXT_HOUR - 25 * MINUTE, expected, MissReason.SCHEDULE_CHANGED)


def test_a_one_off_moved_into_the_past_is_missed() -> None:
    previous = Standing(build_timetable(run_at=NEXT_HOUR), NEXT_HOUR)
    found = first_fire(build_timetable(run_at=LAST_HOUR), now=NOW, previous=previous)
    assert found == FirstFire(None, span(LAST_HOUR), MissReason.SCHEDULE_CHANGED)


def test_a_one_off_that_has_run_does_not_run_again_after_an_edit_of_anything_else() -> None:
    previous = Standing(build_timetable(run_at=LAST_HOUR), None)
    edited = build_timetable(run_at=LAST_HOUR, not_after=NEXT_HOUR, time_zone="Europe/Berlin")
    assert first_fire(edited, now=NOW, previous=previous) == FirstFire(None)


def test_a_one_off_that_is_due_stays_due_when_only_the_zone_is_edited() -> None:
    previous = Standing(build_timetable(run_at=LAST_HOUR), LAST_HOUR)
    edited = build_timetable(run_at=LAST_HOUR, time_zone="Europe/Berlin")
    assert first_fire(edited, now=NOW, previous=previous) == FirstFire(LAST_HOUR)


def test_suspended_time_makes_no_fires() -> None:
    previous = Standing(HOURLY, LAST_HOUR - 5 * HOUR, suspended=True)
    assert first_fire(HOURLY, now=NOW, previous=previous) == FirstFire(NEXT_HOUR)
