"""A store for tests, with a clock that tests move, and short words for what tests do to it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from nice_operator.domain.ids import OutcomeId, RunId, SessionId, TaskId, uuid7
from nice_operator.domain.run import HostFacts, JsonObject, Outcome, Requester, Run, RunState, Trigger
from nice_operator.domain.task import (
    Concurrency,
    ConcurrencyPolicy,
    External,
    History,
    Keep,
    OnLost,
    RetryPolicy,
    Task,
    TaskDefinition,
    TaskSpec,
)
from nice_operator.ports import (
    Claimed,
    ClaimRequest,
    FinishDecision,
    FinishVerdict,
    FirePlan,
    HeldRun,
    NewRun,
    OpenSession,
    PlannedFire,
    PutTask,
    StartVerdict,
    Submitted,
)
from nice_operator.store import SqlStore
from nice_operator.store.tables import metadata
from nice_operator.store.times import EPOCH
from nice_operator.store.versions import ReadSpec

HOST = HostFacts("test-host", 1_000_000, (0.5, 0.25, 0.125))
CALLER = Requester(Trigger.API, "Ada", "ada@example.org")
TIMEOUT = timedelta(seconds=60)
GRACE = timedelta(seconds=10)


def read_spec(manifest: JsonObject, *, namespace: str, name: str) -> TaskSpec:
    """A spec from the few words that these tests need."""
    policy = ConcurrencyPolicy(manifest.get("policy", "Allow"))
    single = policy not in (ConcurrencyPolicy.ALLOW, ConcurrencyPolicy.ENQUEUE)
    keep = Keep(manifest.get("keep", 100), timedelta(days=30))
    return TaskSpec(
        task_name=manifest.get("taskName", name),
        execution=External(),
        timeout=TIMEOUT,
        grace=GRACE,
        concurrency=Concurrency(policy, 1 if single else manifest.get("limit")),
        queue=manifest.get("queue", "pool:default"),
        suspend=manifest.get("suspend", False),
        priority=manifest.get("priority", 0),
        payload=manifest.get("payload", "null"),
        on_lost=OnLost(manifest.get("onLost", "Retry")),
        retry=RetryPolicy(max_attempts=manifest.get("maxAttempts", 1)),
        worker_selector=manifest.get("selector", {}),
        history=History(keep, keep),
    )


class TestClock:
    """Time that stands still until it is moved. Microseconds since 1970 UTC."""

    __test__ = False

    def __init__(self) -> None:
        self.micros = time.time_ns() // 1_000

    def __call__(self) -> int:
        return self.micros

    def advance(self, seconds: float) -> None:
        """Move it."""
        self.micros += round(seconds * 1_000_000)


@dataclass
class StoreHarness:
    """A store on an empty database. ``open_another`` is a second server on the same one."""

    url: str | Path
    store: SqlStore
    clock: TestClock
    others: list[SqlStore] = field(default_factory=list)

    def advance(self, seconds: float) -> None:
        """Move the database's clock."""
        self.clock.advance(seconds)

    def now(self) -> datetime:
        """The database's clock."""
        return EPOCH + timedelta(microseconds=self.clock.micros)

    async def open_another(self, reader: ReadSpec = read_spec) -> SqlStore:
        """Another store on the same database, closed at the end of the test."""
        self.others.append(await open_store(self.url, self.clock, reader))
        return self.others[-1]

    # ------------------------------------------------------------ tasks

    async def put(self, name: str, *, due_in: float | None = None, uid: str = "", **manifest: Any) -> Task:
        """Record a task with that manifest."""
        return await self.store.put_task(self.definition(name, due_in=due_in, uid=uid, **manifest))

    def definition(
        self, name: str, *, due_in: float | None = None, uid: str = "", generation: int = 0, **manifest: Any
    ) -> PutTask:
        """A good definition."""
        spec = read_spec(manifest, namespace="default", name=name)
        definition = TaskDefinition(
            "default", name, uid or f"uid-{name}", generation, manifest, spec, origin=f"{name}.yaml:1"
        )
        due = None if due_in is None else self.now() + timedelta(seconds=due_in)
        return PutTask(definition, due, due)

    async def plan(self, task: Task, *fires: str, **more: Any) -> FirePlan:
        """A plan for a task that is due, with one fire per key, a second apart."""
        fresh = await self.store.get_task_by_id(task.id)
        assert fresh is not None
        assert fresh.next_fire_at is not None
        due = fresh.next_fire_at
        planned = tuple(PlannedFire(key, due + timedelta(seconds=n)) for n, key in enumerate(fires))
        return FirePlan(fresh, due, due + timedelta(hours=1), planned, **more)

    # ------------------------------------------------------------ runs

    async def submit(self, task: Task, key: str = "", **more: Any) -> Submitted:
        """Ask for a run."""
        run_id = RunId(uuid7())
        new = NewRun(run_id, task, key or f"m:{run_id}", more.pop("payload", "null"), CALLER, **more)
        return await self.store.submit(new)

    async def run(self, run_id: RunId) -> Run:
        """Read a run that exists."""
        found = await self.store.get_run(run_id)
        assert found is not None
        return found

    async def worker(
        self, name: str = "w1", store: SqlStore | None = None, pool: str = "default"
    ) -> FakeHolder:
        """A worker with an open session."""
        holder = FakeHolder(store or self.store, SessionId(uuid7()), name, pool)
        await holder.open()
        return holder


@dataclass
class FakeHolder:
    """The store's view of one worker session."""

    store: SqlStore
    session: SessionId
    name: str
    pool: str = "default"

    async def open(self) -> None:
        """Open, or open again."""
        await self.store.open_session(OpenSession(self.session, self.name, self.pool, {}, 8))

    async def claim(
        self,
        free: int = 1,
        queues: tuple[str, ...] | None = None,
        selectors: tuple[str, ...] = ("",),
        refused: tuple[tuple[TaskId, int], ...] = (),
    ) -> Sequence[Claimed]:
        """Claim."""
        return await self.store.claim(ClaimRequest(self.session, self.name, free, queues, selectors, refused))

    async def claim_one(self) -> HeldRun:
        """Claim exactly one."""
        (claimed,) = await self.claim()
        return HeldRun(claimed.run.id, claimed.run.epoch, self.session)

    async def start(self, held: HeldRun) -> StartVerdict:
        """Pass the start barrier."""
        return await self.store.start(held, HOST)

    async def running(self) -> HeldRun:
        """Claim one and start it."""
        held = await self.claim_one()
        assert await self.start(held) is StartVerdict.STARTED
        return held

    async def finish(self, held: HeldRun, state: RunState = RunState.SUCCEEDED) -> FinishVerdict:
        """Report the end."""
        return await self.store.finish(decision(held, state))


def decision(held: HeldRun, state: RunState = RunState.SUCCEEDED, **more: Any) -> FinishDecision:
    """A report. ``state`` QUEUED: it failed and is tried again."""
    ended = RunState.FAILED if state is RunState.QUEUED else state
    result = '{"n":1}' if ended is RunState.SUCCEEDED else None
    outcome = more.pop("outcome", None) or Outcome(
        OutcomeId(uuid7()), ended, "Ended", "it ended", result=result, exit_code=0
    )
    return FinishDecision(held, outcome, state, **more)


async def open_store(url: str | Path, clock: TestClock, reader: ReadSpec = read_spec) -> SqlStore:
    """A store whose database follows ``clock``: a function on SQLite, SET timestamp on a server."""
    store = await SqlStore.open(url, read_spec=reader, clock=clock)
    if store.database.writer.dialect.name != "sqlite":
        database, reserve = store.database, store.database.reserve
        for engine in (database.writer, database.reader, *([reserve.writer] if reserve else [])):
            _follow(engine, clock)
    return store


def _follow(engine: sa.Engine, clock: TestClock) -> None:
    @event.listens_for(engine, "checkout")
    def set_time(connection: Any, record: object, proxy: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET timestamp = {clock.micros // 1_000_000}.{clock.micros % 1_000_000:06d}")


@asynccontextmanager
async def harness_on(url: str | Path) -> AsyncIterator[StoreHarness]:
    """A harness on an emptied database."""
    clock = TestClock()
    store = await open_store(url, clock)
    harness = StoreHarness(url, store, clock)
    try:
        await store.database.run_alone(_empty)
        yield harness
    finally:
        for other in (*harness.others, store):
            await other.close()


def _empty(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))
