"""What somebody beside the database knows of a worker's end reaches the message of its lost runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState
from nice_operator.engine.service import Engine
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import Holder
from nice_operator.resources import spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from nice_protocol.messages import Assign
from tests.fakes.worker import FakeWorker, finish_of
from tests.support.engine import QUICK, Harness, Known, MovableClock

KILLED = "its container runner was killed because it used more memory than its limit (OOMKilled)"


@dataclass
class Told:
    """``ports.Obituaries``: knows one thing of everybody, and keeps whom it was asked about."""

    knows: str = KILLED
    asked: list[Holder] = field(default_factory=list)

    async def of(self, holders: Collection[Holder]) -> Mapping[SessionId, str]:
        self.asked += holders
        return {holder.session: self.knows for holder in holders if self.knows}


@dataclass
class World:
    harness: Harness
    obituaries: Told


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock, liveness, obituaries = MovableClock(), Known(), Told()
    store = await SqlStore.open(tmp_path / "nice.db", read_spec=spec_from_manifest, clock=clock)
    engine = Engine(store, store.logs, LocalWakeups(), liveness, SystemClock(), QUICK, obituaries=obituaries)
    harness = Harness(engine, store, clock, liveness)
    await engine.start()
    try:
        yield World(harness, obituaries)
    finally:
        for worker in harness.workers:
            await worker.close()
        await engine.stop()
        await store.close()


async def begun(world: World, worker: FakeWorker) -> Assign:
    """A run of a task that must not be lost twice, under way."""
    await worker.credit(1)
    await world.harness.request(await world.harness.task(onLost="Fail"))
    run = await worker.expect(Assign)
    await worker.begin(run)
    return run


async def test_a_run_whose_worker_vanished_tells_what_became_of_its_pod(world: World) -> None:
    worker = await world.harness.worker("pod-1", pool="nice/heavy")
    run = await begun(world, worker)
    await worker.leave()
    world.harness.liveness.dead.add(SessionId(UUID(worker.session_id)))

    ended = await world.harness.ended(UUID(run.run))

    assert (ended.state, ended.message) == (RunState.LOST, f"worker pod-1 died: {KILLED}")
    assert [(holder.worker, holder.pool) for holder in world.obituaries.asked] == [("pod-1", "nice/heavy")]


async def test_a_run_that_its_worker_saw_vanish_tells_why(world: World) -> None:
    worker = await world.harness.worker("pod-1", pool="nice/heavy")
    run = await begun(world, worker)

    await worker.send(finish_of(run, state="lost", reason="KeeperLost", message="its keeper vanished"))

    ended = await world.harness.ended(UUID(run.run))
    assert (ended.state, ended.message) == (RunState.LOST, f"its keeper vanished: {KILLED}")
    (attempt,) = await world.harness.store.attempts(ended.id)
    assert [holder.since for holder in world.obituaries.asked] == [attempt.started_at]


async def test_nobody_is_asked_about_a_run_that_tells_its_own_reason(world: World) -> None:
    worker = await world.harness.worker("pod-1", pool="nice/heavy")
    run = await begun(world, worker)

    await worker.send(finish_of(run, state="failed", reason="Error", message="no luck"))

    assert (await world.harness.ended(UUID(run.run))).message == "no luck"
    assert world.obituaries.asked == []


async def test_where_nothing_is_known_the_message_is_as_it_was(world: World) -> None:
    world.obituaries.knows = ""
    worker = await world.harness.worker("pod-1", pool="nice/heavy")
    run = await begun(world, worker)

    await worker.send(finish_of(run, state="lost", reason="KeeperLost", message="its keeper vanished"))

    assert (await world.harness.ended(UUID(run.run))).message == "its keeper vanished"
