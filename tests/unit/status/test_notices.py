"""Which transitions become Events, and that nothing is told twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from nice_operator.domain.notices import Notice, notices
from nice_operator.domain.run import Requester, Run, RunState, Trigger
from nice_operator.domain.status import TaskFacts, status_of
from nice_operator.domain.task import Task
from tests.support.samples import NOON, a_run, a_spec, a_task

NEW: dict[str, Any] = {"observedGeneration": -1}
BY_SCHEDULE = Requester(Trigger.SCHEDULE)


def _step(before: dict[str, Any], task: Task, *runs: Run) -> tuple[dict[str, Any], list[Notice]]:
    ended = next((run for run in runs if run.finished_at), None)
    facts = TaskFacts(task, 0, runs, None, ended, None)
    after = status_of(facts, before, NOON)
    return after, notices(before, after, facts, NOON)


def _reasons(told: list[Notice]) -> list[str]:
    return [notice.reason for notice in told]


def test_the_first_sight_tells_when_the_task_runs_next() -> None:
    task = a_task(a_spec(schedules=("@hourly",)), next_fire_at=NOON)

    status, told = _step(NEW, task)

    assert told == [
        Notice(False, "Accepted", "generation 1 is in force; the next run is at 2026-03-01T12:00:00Z")
    ]
    assert _step(status, task)[1] == []


def test_a_stall_is_told_once_and_its_end_too() -> None:
    stalled = a_task(stalled="spec.timeZone: no such zone", generation=0)
    status, told = _step(NEW, stalled)
    assert [(notice.warning, notice.reason) for notice in told] == [(True, "InvalidSpec")]
    assert "spec.timeZone: no such zone" in told[0].message

    status, again = _step(status, stalled)
    assert again == []
    status, other = _step(status, a_task(stalled="spec.schedule: never fires", observed_generation=2))
    assert _reasons(other) == ["InvalidSpec"]
    _, mended = _step(status, a_task(observed_generation=2, generation=2))
    assert _reasons(mended) == ["Accepted"]


def test_suspending_and_resuming_are_told() -> None:
    status, _ = _step(NEW, a_task())

    status, suspended = _step(status, a_task(a_spec(suspend=True), observed_generation=2))
    _, resumed = _step(status, a_task(observed_generation=3))

    assert _reasons(suspended) == ["Suspended"]
    assert _reasons(resumed) == ["Resumed"]


def test_ends_of_runs_are_told_oldest_first_and_planned_successes_are_not() -> None:
    status, _ = _step(NEW, a_task())
    failed = a_run(state=RunState.FAILED, finished_at=NOON, requester=BY_SCHEDULE, message="exit code 3")
    asked = a_run(state=RunState.SUCCEEDED, finished_at=NOON)
    planned = a_run(state=RunState.SUCCEEDED, finished_at=NOON, requester=BY_SCHEDULE)
    missed = a_run(state=RunState.MISSED, finished_at=NOON, requester=BY_SCHEDULE)
    running = a_run(state=RunState.RUNNING, started_at=NOON)

    status, told = _step(status, a_task(), running, missed, planned, asked, failed)

    assert _reasons(told) == ["RunFailed", "RunSucceeded", "RunMissed"]
    assert [notice.warning for notice in told] == [True, False, True]
    assert told[0].message == f"run {failed.id} failed: exit code 3"
    assert _step(status, a_task(), running, missed, planned, asked, failed)[1] == []


def test_a_run_that_was_shown_at_work_is_told_when_it_ends() -> None:
    running = a_run(state=RunState.RUNNING, started_at=NOON)
    status, _ = _step(NEW, a_task(), running)
    ended = a_run(id=running.id, state=RunState.TIMED_OUT, started_at=NOON, finished_at=NOON)

    _, told = _step(status, a_task(), ended)

    assert _reasons(told) == ["RunTimedOut"]


def test_what_ended_long_ago_is_history_and_no_news() -> None:
    status, _ = _step(NEW, a_task())
    old = a_run(state=RunState.FAILED, finished_at=NOON - timedelta(hours=1))

    assert _step(status, a_task(), old)[1] == []
