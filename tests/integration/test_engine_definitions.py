"""Many definitions at once are what each would be alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import RunState, Trigger
from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.engine.planning import plan_due
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import PutTask, RunFilter
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from tests.support.engine import Harness, Known, running_engine


def _declared(
    name: str, *, uid: str = "", generation: int = 1, metadata: Any = None, **spec: Any
) -> TaskDefinition:
    document = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"} | (metadata or {}),
        "spec": {"timeoutAfter": "1 minute", "run": {"external": {}}} | spec,
    }
    return read_definition(document, uid=uid or f"uid-{name}", generation=generation)


def _asking(value: str) -> dict[str, Any]:
    return {"annotations": {"nicecommander.dev/run-requested-at": value}}


async def test_new_known_and_clashing_definitions_are_judged_each_by_itself(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as harness:
        await harness.engine.tasks.put(_declared("known"))

        answers = await harness.engine.tasks.put_many(
            [
                _declared("fresh", schedule="@hourly"),
                _declared("known", generation=2, description="edited"),
                _declared("thief", taskName="known"),
            ]
        )

        fresh, known, refusal = answers
        assert isinstance(fresh, Task)
        assert fresh.next_fire_at is not None
        assert isinstance(known, Task)
        assert (known.generation, known.manifest["description"]) == (2, "edited")
        assert isinstance(refusal, InvalidInput)
        assert "choose another spec.taskName" in str(refusal)


async def test_each_annotation_of_a_batch_is_answered_once(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as harness:
        later = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        definitions = [
            _declared("asks", metadata=_asking(later)),
            _declared("copy", metadata=_asking("2020-01-01T00:00:00Z")),
            _declared("silent"),
        ]

        await harness.engine.tasks.put_many(definitions)
        answers = await harness.engine.tasks.put_many(definitions)

        asks, copy, silent = [await _runs(harness, answer) for answer in answers]
        assert [(run.state, run.requester.trigger) for run in asks] == [(RunState.QUEUED, Trigger.ANNOTATION)]
        assert (copy, silent) == ([], [])


async def test_a_new_value_of_a_known_task_runs_whatever_it_says(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as harness:
        await harness.engine.tasks.put_many([_declared("copy", metadata=_asking("2020-01-01T00:00:00Z"))])

        (task,) = await harness.engine.tasks.put_many([_declared("copy", metadata=_asking("now, please"))])

        assert len(await _runs(harness, task)) == 1


async def test_a_task_recreated_under_its_name_is_not_deleted_with_the_old_one(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as harness:
        old = await harness.engine.tasks.put(_declared("again", uid="old"))
        await harness.request(old)
        (new,) = await harness.engine.tasks.put_many([_declared("again", uid="new")])

        too_late = await harness.engine.tasks.delete("default", "again", uid="old")

        assert too_late is None
        assert isinstance(new, Task)
        assert (await harness.engine.tasks.get("default", "again")).id == new.id != old.id
        assert [run.state for run in await harness.runs(old)] == [RunState.CANCELLED]
        assert await harness.runs(new) == []


async def _runs(harness: Harness, answer: object) -> list[Any]:
    assert isinstance(answer, Task), answer
    return list(await harness.runs(answer))


class OutrunStore(SqlStore):
    """The real store, on which another replica fires whatever is due just before a definition is written, as
    often as ``outrun`` says."""

    outrun = 0

    async def put_task(self, put: PutTask) -> Task:
        if self.outrun:
            self.outrun -= 1
            now, due = await self.due_tasks(10)
            await self.fire([plan for task in due if (plan := plan_due(task, now)) is not None])
        return await super().put_task(put)


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in_a_batch"])
async def test_a_moment_that_another_replica_fires_while_its_task_is_suspended_is_not_missed_too(
    tmp_path: Path, together: bool
) -> None:
    store = await OutrunStore.open(tmp_path / "nice.db", read_spec=spec_from_manifest)
    assert isinstance(store, OutrunStore)
    engine = Engine(store, store.logs, LocalWakeups(), Known(), SystemClock(), EngineSettings())
    task = await engine.tasks.put(_declared("tick", schedule="1 hour"))  # not started: nobody else fires it
    store.outrun = 1

    edit = _declared("tick", generation=2, schedule="1 hour", suspend=True)
    await (engine.tasks.put_many([edit]) if together else engine.tasks.put(edit))

    (run,) = (await store.list_runs(RunFilter(task_id=task.id))).runs
    (fresh,) = await store.list_tasks()
    await store.close()
    assert (run.state, fresh.generation, fresh.next_fire_at) == (RunState.QUEUED, 2, None)
