"""The controls of what holds a run, and of what goes on without a server. A guard is taken away, by a
subclass at a seam or by a setting; what judges the proofs on the cluster then finds what must never be."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.task import Task
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import FinishDecision, FinishVerdict, HeldRun
from nice_operator.resources import spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from nice_protocol.messages import Assign
from tests.accounts.books import Books, read
from tests.fakes.worker import FakeWorker
from tests.support.engine import QUICK, Harness, Known, MovableClock, at_work
from tests.support.mariadb import MariaDb
from tests.support.replicas import empty_database
from tests.support.servers import private_server
from tests.support.stage.effects import Execution
from tests.support.stage.sums import wrong_effects
from tests.unit.accounts.conftest import session_of

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMySQL, when cut off

LATER = 60.0
"""Seconds, longer than a lease, that the database's clock goes on while it is away."""


class BelievingStore(SqlStore):
    """Without the guard on (epoch, session): whoever reports is taken for whoever holds the run now."""

    async def finish(self, decision: FinishDecision) -> FinishVerdict:
        run = await self.get_run(decision.held.id)
        if run is None or run.session is None:
            return await super().finish(decision)
        holder = HeldRun(run.id, run.epoch, run.session)
        return await super().finish(replace(decision, held=holder))


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    with private_server() as made:
        yield made


@asynccontextmanager
async def engine_on(
    url: str, kind: type[SqlStore] = SqlStore, settings: EngineSettings = QUICK
) -> AsyncIterator[Harness]:
    """An engine with that store on a database of its own."""
    store = await kind.open(url, read_spec=spec_from_manifest)
    liveness = Known()
    engine = Engine(store, store.logs, LocalWakeups(), liveness, SystemClock(), settings)
    try:
        async with at_work(Harness(engine, store, MovableClock(), liveness)) as harness:
            yield harness
    finally:
        await store.close()


def books(url: str) -> Books:
    return read(url.replace("mysql://", "mysql+pymysql://"))


def executed(given: Assign, task: str, *, ended: bool = True) -> Execution:
    """What user code would have told of itself."""
    now = time.monotonic()
    return Execution(given.run, given.epoch, task, now, now, ended)


async def given_to(worker: FakeWorker) -> Assign:
    await worker.credit(1)
    return await worker.expect(Assign)


# ------------------------------------------------------------ who holds a run


@pytest.mark.parametrize("kind", [SqlStore, BelievingStore], ids=["nothing", "epoch and session"])
async def test_without_epoch_and_session_a_late_report_ends_the_execution_of_another(
    server: MariaDb, kind: type[SqlStore]
) -> None:
    url = empty_database(server, "holders")
    async with engine_on(url, kind) as engine:
        task = await engine.task("late", retry={"backoff": {"initialSeconds": 0}})
        run = await engine.request(task)
        first = await engine.worker("first")
        old = await given_to(first)
        await first.begin(old)
        engine.liveness.dead.add(session_of(first))
        await engine.state(run.id, RunState.QUEUED)
        second = await engine.worker("second")
        new = await given_to(second)
        await second.begin(new)
        await first.finish(old)
        told = [executed(old, "late"), executed(new, "late", ended=False)]
        ended = (await engine.engine.runs.get(run.id)).state.final
    wrong = list(wrong_effects(books(url), told))
    print("\n".join(wrong))

    assert ended == (kind is BelievingStore)
    assert any("never came to its end" in one for one in wrong) == (kind is BelievingStore)


@pytest.mark.parametrize("asks", [True, False], ids=["nothing", "the start barrier"])
async def test_without_the_start_barrier_what_may_run_once_runs_twice(server: MariaDb, asks: bool) -> None:
    url = empty_database(server, "holders")
    told = []
    async with engine_on(url) as engine:
        run = await engine.request(await engine.task("once", onLost="Fail"))
        first = await engine.worker("first")
        given = await given_to(first)
        if asks:
            await first.begin(given)
        told.append(executed(given, "once", ended=False))
        engine.liveness.dead.add(session_of(first))
        second = await engine.worker("second")
        if asks:
            await engine.state(run.id, RunState.LOST)
        else:
            again = await given_to(second)
            await second.begin(again)
            told.append(executed(again, "once"))
            await second.finish(again)
            await engine.ended(run.id)
    wrong = list(wrong_effects(books(url), told))
    print("\n".join(wrong))

    assert any("never started" in one for one in wrong) != asks
    assert any("executed 2 times" in one for one in wrong) != asks


# ------------------------------------------------------------ without a server


@pytest.mark.parametrize("quiet", [45.0, 0.0], ids=["nothing", "the quiet time"])
async def test_without_the_quiet_time_an_outage_of_the_database_loses_what_went_on(
    server: MariaDb, quiet: float
) -> None:
    url = empty_database(server, "holders")
    async with engine_on(url, settings=replace(QUICK, quiet=quiet)) as engine:
        task = await engine.task("patient", onLost="Fail")
        worker, frail = [await engine.worker(name) for name in ("worker", "frail")]
        run, given = await begun(engine, task, worker)
        bystander, _ = await begun(engine, task, frail)
        server.freeze()
        later(engine.store)
        server.thaw()
        engine.liveness.dead.add(session_of(frail))
        await engine.state(bystander.id, RunState.LOST)  # so the reaper has looked since
        await worker.finish(given)
        ended = await engine.ended(run.id)

    assert ended.state is (RunState.SUCCEEDED if quiet else RunState.LOST)


async def begun(engine: Harness, task: Task, worker: FakeWorker) -> tuple[Run, Assign]:
    """A run in that worker's hands."""
    run = await engine.request(task)
    given = await given_to(worker)
    await worker.begin(given)
    return run, given


def later(store: SqlStore) -> None:
    """From the next connection on, the server's clock says what it would have said after a long outage."""
    database = store.database
    engines = [database.writer, database.reader, *([database.reserve.writer] if database.reserve else [])]
    for each in engines:
        event.listen(each, "checkout", _set_time)


def _set_time(connection: Any, record: object, proxy: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET timestamp = {time.time() + LATER:.6f}")
