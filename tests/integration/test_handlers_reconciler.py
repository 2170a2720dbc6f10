"""The reconciler at work on a real engine: order, retries, and what is told to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nice_operator.domain.errors import NiceError, Unavailable
from nice_operator.domain.run import RunState
from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.handlers.queue import KeyedQueue
from nice_operator.handlers.reconciler import Reconciler
from nice_operator.handlers.seen import Sight, sight_of
from nice_operator.ports import KnownTask, ListedTask, ShownTask
from tests.support.engine import Harness, running_engine


def shown(name: str, *, uid: str = "", generation: int = 1, annotations: Any = None, **spec: Any) -> Any:
    """An object as the API server shows it."""
    return {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {
            "namespace": "team",
            "name": name,
            "uid": uid or f"uid-{name}",
            "generation": generation,
            "resourceVersion": str(generation),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "annotations": annotations or {},
        },
        "spec": {"timeoutAfter": "1 minute", "run": {"external": {}}} | spec,
        "status": {"observedGeneration": -1},
    }


@dataclass
class Objects:
    """What the API server has."""

    by_name: dict[str, Any] = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    failures: int = 0

    async def list(self, namespace: str | None) -> Sequence[ListedTask]:
        return ()

    async def pages(self, namespace: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        yield list(self.by_name.values())

    async def read(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        self.reads.append(name)
        if self.failures:
            self.failures -= 1
            raise Unavailable("the API server is away")
        return self.by_name.get(name)


@dataclass
class Statuses:
    """What the status writer is told."""

    said: list[tuple[str, str]] = field(default_factory=list)

    def begin(self) -> None:
        self.said.clear()

    def complete(self) -> None:
        self.said.append(("complete", ""))

    def recorded(self, task: ShownTask) -> None:
        self.said.append(("recorded", task.uid))

    def shown(self, task: ShownTask) -> None:
        self.said.append(("shown", task.uid))

    def gone(self, uid: str) -> None:
        self.said.append(("gone", uid))


@dataclass
class Flaky:
    """The engine's tasks, behind a database that is away for the first calls."""

    tasks: Any
    failures: int = 0
    puts: int = 0

    async def put_many(self, definitions: Sequence[TaskDefinition]) -> Sequence[Task | NiceError]:
        self._fail()
        self.puts += len(definitions)
        answers: Sequence[Task | NiceError] = await self.tasks.put_many(definitions)
        return answers

    async def delete(self, namespace: str, name: str, *, uid: str | None = None) -> object:
        self._fail()
        return await self.tasks.delete(namespace, name, uid=uid)

    async def known(self) -> Sequence[KnownTask]:
        found: Sequence[KnownTask] = await self.tasks.known()
        return found

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the database is away")


@dataclass
class Bench:
    """A reconciler between fakes outside and a real engine inside."""

    harness: Harness
    queue: KeyedQueue[Sight]
    reconciler: Reconciler
    objects: Objects
    statuses: Statuses
    tasks: Flaky
    refusals: dict[str, str]

    def see(self, kind: str | None, document: Any) -> None:
        """An event."""
        self.reconciler.hear(sight_of(kind, document))

    async def settled(self) -> None:
        """As soon as nothing is left to do, failures included."""
        async with asyncio.timeout(10):
            while len(self.queue):
                await self.queue.quiet(1)
                await asyncio.sleep(0.005)

    async def task(self, name: str) -> Task | None:
        """The living task of that name."""
        return await self.harness.store.get_task("team", name)


@asynccontextmanager
async def bench(path: Path, workers: int = 2) -> AsyncIterator[Bench]:
    async with running_engine(path / "nice.db") as harness:
        queue = KeyedQueue[Sight](lambda: 0.0, first=0.02)
        objects, statuses, tasks = Objects(), Statuses(), Flaky(harness.engine.tasks)
        refusals: dict[str, str] = {}
        reconciler = Reconciler(
            queue, tasks, objects, statuses, lambda namespace, waits_in: refusals.get(waits_in)
        )
        running = [asyncio.create_task(reconciler.run()) for _ in range(workers)]
        try:
            yield Bench(harness, queue, reconciler, objects, statuses, tasks, refusals)
        finally:
            for each in running:
                each.cancel()


async def test_events_that_say_nothing_new_cost_the_database_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        made.see(None, shown("hello"))
        await made.settled()
        for _ in range(3):
            echo = shown("hello", annotations={"example.com/foreign": "1"})
            echo["status"] = {"active": 0}
            made.see("MODIFIED", echo)
            await made.settled()

        assert made.tasks.puts == 1
        assert made.statuses.said == [("recorded", "uid-hello"), *[("shown", "uid-hello")] * 3]


async def test_what_could_not_be_recorded_is_tried_until_it_can(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.harness.engine.tasks.put_many([])
        made.tasks.failures = 3

        for number in range(30):
            made.see(None, shown(f"t-{number}"))
        await made.settled()

        assert len(await made.tasks.known()) == 30


async def test_of_two_objects_that_follow_each_other_the_older_one_is_never_recorded_last(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as made:
        for life in range(30):
            made.see("ADDED", shown("phoenix", uid=f"life-{life}"))
            await asyncio.sleep(0)
            if life < 29:
                made.see("DELETED", shown("phoenix", uid=f"life-{life}"))
        await made.settled()

        living = await made.task("phoenix")
        assert living is not None
        assert living.uid == "life-29"


async def test_a_late_word_about_a_former_object_does_no_harm(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        made.see("ADDED", shown("hello", uid="old"))
        await made.settled()
        made.see("ADDED", shown("hello", uid="new"))
        await made.settled()

        made.see("DELETED", shown("hello", uid="old"))
        await made.settled()

        living = await made.task("hello")
        assert living is not None
        assert living.uid == "new"
        assert ("gone", "old") in made.statuses.said
        assert ("gone", "new") not in made.statuses.said


async def test_a_look_finds_what_no_event_told(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        for name in ("edited", "deleted", "replaced"):
            made.see(None, shown(name))
        await made.settled()
        made.objects.by_name = {
            "edited": shown("edited", generation=2, description="new"),
            "replaced": shown("replaced", uid="another"),
        }
        made.objects.failures = 1

        for name in ("edited", "deleted", "replaced"):
            made.reconciler.look("team", name, f"uid-{name}")
        await made.settled()

        edited, replaced = await made.task("edited"), await made.task("replaced")
        assert edited is not None
        assert edited.generation == 2
        assert await made.task("deleted") is None
        assert replaced is not None
        assert replaced.uid == "another"


async def test_a_name_goes_to_whoever_waits_for_it_when_it_is_given_up(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        made.see(None, shown("first", taskName="Logger"))
        await made.settled()
        made.objects.by_name["second"] = shown("second", taskName="Logger")
        made.see("ADDED", made.objects.by_name["second"])
        await made.settled()
        waiting = await made.task("second")
        assert waiting is not None
        assert "choose another spec.taskName" in waiting.stalled

        made.see("MODIFIED", shown("first", taskName="Other", generation=2))
        await made.settled()

        second = await made.task("second")
        assert second is not None
        assert second.stalled == ""
        assert second.spec is not None
        assert second.spec.task_name == "Logger"


async def test_only_tasks_whose_pool_answers_otherwise_are_read_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        run = {"command": ["true"]}
        for name in ("a", "b"):
            made.objects.by_name[name] = shown(name, run=run, workerPool=f"pools/{name}")
            made.see(None, made.objects.by_name[name])
        made.see(None, shown("external"))
        await made.settled()

        made.refusals["pool:pools/b"] = "there is no worker pool pools/b; make one"
        made.reconciler.pools_changed()
        await made.settled()

        assert made.objects.reads == ["b"]
        refused = await made.task("b")
        assert refused is not None
        assert refused.stalled.startswith("spec.workerPool: there is no worker pool pools/b")
        del made.refusals["pool:pools/b"]
        made.reconciler.pools_changed()
        await made.settled()
        again = await made.task("b")
        assert again is not None
        assert again.stalled == ""


async def test_a_stalled_objects_old_request_does_not_run_when_it_is_mended(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        copied = {"nicecommander.dev/run-requested-at": "2020-01-01T00:00:00Z"}
        made.see(None, shown("copy", annotations=copied, timeZone="Mars/Base"))
        await made.settled()

        made.see("MODIFIED", shown("copy", annotations=copied, generation=2))
        await made.settled()

        task = await made.task("copy")
        assert task is not None
        assert task.stalled == ""
        assert await made.harness.runs(task) == []


async def test_a_deleted_tasks_queued_runs_are_cancelled_and_its_history_stays(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        made.see(None, shown("hello"))
        await made.settled()
        task = await made.task("hello")
        assert task is not None
        run = await made.harness.request(task)

        made.tasks.failures = 1
        made.see("DELETED", shown("hello"))
        await made.settled()

        assert await made.task("hello") is None
        assert (await made.harness.engine.runs.get(run.id)).state is RunState.CANCELLED
