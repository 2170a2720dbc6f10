"""Which of a task's runs its status tells of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from nice_operator.cluster.facts import read_facts
from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.status import SHOWN_RUNS
from nice_operator.domain.task import Task
from nice_operator.ports import Movement, RunFilter, RunPage
from tests.support.samples import NOON, a_run, a_task


@dataclass
class OneTask:
    """A store with one task. ``runs`` are all that there are, newest first."""

    runs: Sequence[Run]
    task: Task = field(default_factory=a_task)

    async def now(self) -> datetime:
        return NOON

    async def tasks_with_uids(self, uids: Collection[str]) -> Sequence[Task]:
        return [self.task]

    async def last_runs(self, task_ids: Sequence[TaskId], each: int) -> Mapping[TaskId, Sequence[Run]]:
        return {self.task.id: self.runs[:each]}

    async def list_runs(self, wanted: RunFilter) -> RunPage:
        found = [run for run in self.runs if run.state in (wanted.states or ())]
        return RunPage(tuple(found[: wanted.limit]), None)

    async def active_counts(self, namespace: str | None = None) -> Mapping[TaskId, int]:
        return {}

    async def movements(self, within: timedelta) -> Sequence[Movement]:
        return []


def _ran(minute: int, state: RunState = RunState.SUCCEEDED) -> Run:
    return a_run(state=state, started_at=NOON + timedelta(minutes=minute))


async def _started(*runs: Run) -> Run | None:
    store = OneTask(runs)
    found = (await read_facts(store, [store.task.uid])).by_uid[store.task.uid]
    return found.last_started


async def test_a_run_that_is_claimed_has_not_started_and_hides_no_other() -> None:
    before = _ran(1)

    assert await _started(a_run(state=RunState.CLAIMED), before) == before


async def test_runs_that_were_cancelled_while_they_waited_hide_no_run_that_works() -> None:
    cancelled = [a_run(state=RunState.CANCELLED) for _ in range(2 * SHOWN_RUNS)]
    works = _ran(2, RunState.RUNNING)

    assert await _started(*cancelled, works, _ran(1)) == works


async def test_a_task_whose_runs_all_wait_has_not_started() -> None:
    assert await _started(*(a_run() for _ in range(2 * SHOWN_RUNS))) is None
