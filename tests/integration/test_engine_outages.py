"""A database that goes away in the middle of something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import SessionId
from nice_operator.engine.service import Engine
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import HeldRun
from nice_operator.resources import spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from nice_protocol.messages import Assign
from tests.fakes.worker import FakeWorker
from tests.support.engine import QUICK, Harness, Known, MovableClock


class ShakyStore(SqlStore):
    """The real store, but for two calls that find the database away as long as ``away`` is set."""

    away = False

    async def release(self, held: HeldRun) -> bool:
        self._answer()
        return await super().release(held)

    async def close_session(self, session: SessionId) -> None:
        self._answer()
        await super().close_session(session)

    def _answer(self) -> None:
        if self.away:
            raise Unavailable("the database does not answer")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ShakyStore]:
    opened = await ShakyStore.open(tmp_path / "nice.db", read_spec=spec_from_manifest)
    assert isinstance(opened, ShakyStore)
    yield opened
    await opened.close()


@pytest.fixture
async def engine(store: ShakyStore) -> AsyncIterator[Harness]:
    engine = Engine(store, store.logs, LocalWakeups(), Known(), SystemClock(), QUICK)
    harness = Harness(engine, store, MovableClock(), Known())
    await engine.start()
    yield harness
    for worker in harness.workers:
        await worker.close()
    await engine.stop()


async def test_a_worker_whose_greeting_an_outage_ends_is_not_listed_and_may_come_again(
    engine: Harness, store: ShakyStore
) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    await engine.request(await engine.task())
    run = await worker.expect(Assign)
    await worker.leave()

    store.away = True
    again = FakeWorker("fake")
    again.session_id = worker.session_id
    with pytest.raises(Unavailable):
        await again.connect(engine.engine.workers)
    assert engine.engine.workers.list() == []
    assert not engine.engine.workers.busy

    store.away = False
    await again.connect(engine.engine.workers)
    engine.workers.append(again)
    await again.credit(1)
    assert (await again.expect(Assign)).run == run.run


async def test_a_worker_may_leave_during_an_outage(
    engine: Harness, store: ShakyStore, caplog: pytest.LogCaptureFixture
) -> None:
    worker = await engine.worker()
    engine.engine.workers.drain(SessionId(UUID(worker.session_id)))
    await worker.draining()

    store.away = True
    await worker.leave()

    assert engine.engine.workers.list() == []
    assert "the session of worker fake stays open" in caplog.text
