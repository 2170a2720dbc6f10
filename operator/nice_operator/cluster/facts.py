"""What the status of tasks is made of, read for many tasks at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import HELD_STATES, Run, RunState
from nice_operator.domain.status import ENDED_STATES, SHOWN_RUNS, TaskFacts
from nice_operator.domain.task import Task
from nice_operator.ports import Movement, RunFilter, RunPage

NEVER_STARTED = 20
"""Newer runs that were cancelled before they started, among which an older start is looked for."""


class StatusStore(Protocol):
    """``ports.Store``, as far as statuses need it."""

    async def now(self) -> datetime: ...

    async def tasks_with_uids(self, uids: Collection[str]) -> Sequence[Task]: ...

    async def last_runs(self, task_ids: Sequence[TaskId], each: int) -> Mapping[TaskId, Sequence[Run]]: ...

    async def list_runs(self, wanted: RunFilter) -> RunPage: ...

    async def active_counts(self, namespace: str | None = None) -> Mapping[TaskId, int]: ...

    async def movements(self, within: timedelta) -> Sequence[Movement]: ...


@dataclass(frozen=True, slots=True)
class FactsOfMany:
    """By uid, and when they were true by the database's clock. A task that is not there has none."""

    now: datetime
    by_uid: Mapping[str, TaskFacts]


async def read_facts(store: StatusStore, uids: Collection[str]) -> FactsOfMany:
    """Three reads for all of them; one or two more for a task whose newest runs do not tell. Raises
    Unavailable."""
    now = await store.now()
    tasks = await store.tasks_with_uids(uids)
    runs = await store.last_runs([task.id for task in tasks], SHOWN_RUNS)
    active = await store.active_counts()
    found = {
        task.uid: await _facts(store, task, runs.get(task.id, ()), active.get(task.id, 0)) for task in tasks
    }
    return FactsOfMany(now, found)


async def _facts(store: StatusStore, task: Task, runs: Sequence[Run], active: int) -> TaskFacts:
    async def newest(states: frozenset[RunState], *, started: bool = False) -> Run | None:
        found = _first(runs, states, started=started)
        if found is not None or len(runs) < SHOWN_RUNS:  # fewer than were asked for: these are all
            return found
        limit = NEVER_STARTED if started else 1
        page = await store.list_runs(RunFilter(task_id=task.id, states=states, limit=limit))
        return _first(page.runs, states, started=started)

    started = await newest(ENDED_STATES | HELD_STATES, started=True)
    ended = await newest(ENDED_STATES)
    success = await newest(frozenset({RunState.SUCCEEDED}))
    return TaskFacts(task, active, runs, started, ended, success)


def _first(runs: Iterable[Run], states: frozenset[RunState], *, started: bool) -> Run | None:
    """Of those, with ``started``, whose user code began: one may be claimed, or cancelled while it waited."""
    told = (run for run in runs if run.state in states)
    return next((run for run in told if run.started_at is not None or not started), None)
