"""A database in which everything adds up, made by the engine, and copies of it for mistakes."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState
from nice_operator.domain.task import Task
from nice_operator.engine import topics
from nice_protocol.messages import Assign
from tests.accounts.__main__ import judge
from tests.accounts.books import read
from tests.accounts.findings import Account
from tests.fakes.worker import FakeWorker
from tests.support.engine import WITHIN, Harness, MovableClock, running_engine

MINUTE = 60
TABLES = ("tasks", "task_versions", "runs", "attempts")

Plant = Callable[[str], Account]


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fires in time, overlapping and after downtime; requests; a success, a failure, a lost worker."""
    path = tmp_path_factory.mktemp("accounts") / "nice.db"
    asyncio.run(_live(path))
    return path


@pytest.fixture
def plant(honest: Path, tmp_path: Path) -> Plant:
    """Changes a copy by SQL, without constraints, and judges it."""

    def planted(statements: str) -> Account:
        path = spoiled(honest, tmp_path / "copy.db", statements)
        return judge(read(f"sqlite:///{path}"), at_rest=True)

    return planted


def spoiled(honest: Path, path: Path, statements: str) -> Path:
    """A copy without constraints, changed."""
    connection = sqlite3.connect(shutil.copy(honest, path), isolation_level=None)
    connection.executescript(_without_constraints(TABLES) + statements)
    connection.close()
    return path


def _without_constraints(tables: Sequence[str]) -> str:
    return "PRAGMA foreign_keys = OFF;" + "".join(
        f"CREATE TABLE free_{table} AS SELECT * FROM {table}; DROP TABLE {table};"
        f"ALTER TABLE free_{table} RENAME TO {table};"
        for table in tables
    )


async def _live(path: Path) -> None:
    """Two hours until some minutes ago, told by the database's clock."""
    clock = MovableClock(-130 * MINUTE * 1_000_000)
    async with running_engine(path, clock=clock) as engine:
        worker = await engine.worker("steady")
        engine.liveness.alive.add(session_of(worker))
        task = await _overlap(engine, worker)
        await _failure(engine, worker)
        await _loss(engine, worker)
        engine.advance(61 * MINUTE)  # three are due: one runs, two are told
        await engine.runs_when(task, 4)
        await _rest(engine)
        engine.advance(45 * MINUTE)
        await engine.runs_when(task, 6)
        await _rest(engine)


async def _overlap(engine: Harness, worker: FakeWorker) -> Task:
    """The first fire's run is in the way of the second one."""
    await worker.credit(1)
    task = await engine.task("clock", schedule="20 minutes", timeoutAfter="2 hours")
    given = await worker.expect(Assign)
    await worker.begin(given)
    engine.advance(20 * MINUTE)
    await engine.runs_when(task, 2)
    await worker.finish(given)
    return task


async def _failure(engine: Harness, worker: FakeWorker) -> None:
    await engine.request(await engine.task("failing"))
    await worker.credit(1)
    given = await worker.expect(Assign)
    await worker.begin(given)
    await worker.finish(given, "failed")


async def _loss(engine: Harness, worker: FakeWorker) -> None:
    """A worker dies with a run; from then on ``worker`` does everything."""
    frail = await engine.worker("frail")
    await frail.credit(1)
    run = await engine.request(await engine.task("frail", retry={"backoff": {"initialSeconds": 0}}))
    await frail.begin(await frail.expect(Assign))
    engine.liveness.dead.add(session_of(frail))
    await engine.state(run.id, RunState.QUEUED)
    worker.serve()
    await engine.ended(run.id)


async def _rest(engine: Harness) -> None:
    async with asyncio.timeout(WITHIN), engine.engine.wakeups.subscribe(topics.RUNS) as changed:
        while await engine.store.active_counts(None):
            await changed.wait(0.1)


def session_of(worker: FakeWorker) -> SessionId:
    return SessionId(UUID(worker.session_id))
