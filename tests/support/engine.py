"""A whole engine on the real store (SQLite in a file), whose database clock the test moves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.ids import RunId, SessionId
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.task import Task
from nice_operator.engine import topics
from nice_operator.engine.requests import RunRequest
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import RunFilter
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from tests.fakes.worker import FakeWorker
from tests.support.samples import REQUESTER

WITHIN = 10.0
QUICK = EngineSettings(poll=0.1, reap_every=0.05, quiet=0.0, every_pool=True)


@dataclass
class MovableClock:
    """The database's clock: real time plus what the test added, in microseconds since 1970."""

    offset: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000 + self.offset


@dataclass
class Known:
    """``ports.Liveness`` as the test says."""

    dead: set[SessionId] = field(default_factory=set)
    alive: set[SessionId] = field(default_factory=set)

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        return sessions & self.dead, sessions & self.alive


class Harness:
    """One engine and what a test does with it."""

    def __init__(self, engine: Engine, store: SqlStore, clock: MovableClock, liveness: Known) -> None:
        self.engine = engine
        self.store = store
        self.clock = clock
        self.liveness = liveness
        self.workers: list[FakeWorker] = []

    async def task(self, name: str = "hello", *, uid: str = "", metadata: Any = None, **spec: Any) -> Task:
        """Declare a task; its manifest is ``spec`` over a working default."""
        manifest = {"timeoutAfter": "1 minute", "run": {"command": ["true"]}} | spec
        document = {
            "apiVersion": "nicecommander.dev/v1beta1",
            "kind": "NiceTask",
            "metadata": {"name": name} | (metadata or {}),
            "spec": manifest,
        }
        definition = read_definition(document, uid=uid or f"uid-of-{name}", generation=0)
        return await self.engine.tasks.put(definition)

    async def request(self, task: Task, payload: str | None = None, **options: Any) -> Run:
        """Ask for a run."""
        request = RunRequest(task=task, payload=payload, requester=REQUESTER, **options)
        return (await self.engine.runs.request(request)).run

    async def worker(self, name: str = "fake", **options: Any) -> FakeWorker:
        """A connected worker."""
        worker = await FakeWorker.direct(self.engine.workers, name, **options)
        self.workers.append(worker)
        return worker

    def advance(self, seconds: float) -> None:
        """Move the database's clock, and let everybody look again."""
        self.clock.offset += int(seconds * 1_000_000)
        self.engine.wakeups.publish(topics.DUE, topics.QUEUE)

    async def state(self, run_id: RunId, *states: RunState) -> Run:
        """The run as soon as it is in one of these states."""
        async with asyncio.timeout(WITHIN), self.engine.wakeups.subscribe(topics.run(run_id)) as changed:
            while True:
                run = await self.engine.runs.get(run_id)
                if run.state in states:
                    return run
                await changed.wait(0.1)

    async def ended(self, run_id: RunId) -> Run:
        """The run as soon as it is final."""
        run = await self.engine.runs.wait(run_id, WITHIN)
        assert run.state.final, run
        return run

    async def runs(self, task: Task) -> list[Run]:
        """Every run of a task, oldest first."""
        page = await self.engine.runs.list(RunFilter(task_id=task.id, limit=1000))
        return list(reversed(page.runs))

    async def runs_when(self, task: Task, count: int) -> list[Run]:
        """Every run of a task as soon as there are at least ``count``."""
        async with asyncio.timeout(WITHIN), self.engine.wakeups.subscribe(topics.RUNS) as changed:
            while True:
                found = await self.runs(task)
                if len(found) >= count:
                    return found
                await changed.wait(0.1)


@asynccontextmanager
async def at_work(harness: Harness) -> AsyncIterator[Harness]:
    """Its engine runs meanwhile; at the end its workers leave first."""
    await harness.engine.start()
    try:
        yield harness
    finally:
        for worker in harness.workers:
            await worker.close()
        await harness.engine.stop()


@asynccontextmanager
async def running_engine(
    path: Path, settings: EngineSettings = QUICK, clock: MovableClock | None = None
) -> AsyncIterator[Harness]:
    """An engine at work on the database file at ``path``."""
    clock = clock or MovableClock()
    store = await SqlStore.open(path, read_spec=spec_from_manifest, clock=clock)
    liveness = Known()
    engine = Engine(store, store.logs, LocalWakeups(), liveness, SystemClock(), settings, jitter=lambda: 0.5)
    try:
        async with at_work(Harness(engine, store, clock, liveness)) as harness:
            yield harness
    finally:
        await store.close()
