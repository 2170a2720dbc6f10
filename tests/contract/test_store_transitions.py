"""Every edge of the state machine, from every state: the legal ones move the run, all others leave it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from nice_operator.domain.errors import Conflict
from nice_operator.domain.ids import RunId, SessionId, uuid7
from nice_operator.domain.run import TRANSITIONS, MissedSpan, Run, RunState
from nice_operator.ports import HeldRun
from tests.support.stores import CALLER, GRACE, HOST, TIMEOUT, FakeHolder, StoreHarness, decision

NOBODY: frozenset[SessionId] = frozenset()
BORN = {edge.name for edge in TRANSITIONS if not edge.source}
MOVES = [edge for edge in TRANSITIONS if edge.source]


class Scene:
    """A run brought into a state by legal moves only, and the worker that deals with it."""

    def __init__(self, harness: StoreHarness, worker: FakeHolder, run_id: RunId) -> None:
        self.harness, self.worker, self.run_id = harness, worker, run_id
        self.held = HeldRun(run_id, 1, worker.session)

    async def run(self) -> Run:
        return await self.harness.run(self.run_id)


async def scene_in(harness: StoreHarness, state: RunState) -> Scene:
    """A run in that state."""
    if state in (RunState.SKIPPED, RunState.MISSED):
        return await _born_final(harness, state)
    task = await harness.put("t", policy="Forbid", maxAttempts=3)
    submitted = await harness.submit(task)
    scene = Scene(harness, await harness.worker(), submitted.run.id)
    if state is RunState.CANCELLED:
        await harness.store.cancel(scene.run_id, CALLER)
    elif state is not RunState.QUEUED:
        scene.held = await scene.worker.claim_one()
        if state is not RunState.CLAIMED:
            await scene.worker.start(scene.held)
        if state.final:
            await scene.worker.finish(scene.held, state)
    assert (await scene.run()).state is state
    return scene


async def _born_final(harness: StoreHarness, state: RunState) -> Scene:
    task = await harness.put("t", due_in=0, policy="Forbid", maxAttempts=3)
    worker = await harness.worker()
    now = harness.now()
    if state is RunState.MISSED:
        plan = await harness.plan(task, missed=MissedSpan(now, now, 1), missed_reason="Superseded")
        await harness.store.fire([plan])
    else:
        await harness.submit(task)
        await worker.running()
        await harness.store.fire([await harness.plan(task, "c:1")])
    found = (await harness.store.last_runs([task.id], 1))[task.id][0]
    assert found.state is state
    return Scene(harness, worker, found.id)


async def claim(scene: Scene) -> None:
    await scene.worker.claim()


async def start(scene: Scene) -> None:
    await scene.worker.start(scene.held)


async def release(scene: Scene) -> None:
    await scene.harness.store.release(scene.held)


async def finish(scene: Scene) -> None:
    await scene.worker.finish(scene.held)


async def retry(scene: Scene) -> None:
    await scene.worker.finish(scene.held, RunState.QUEUED)


async def interrupt(scene: Scene) -> None:
    told = decision(scene.held, RunState.QUEUED, counted=False)
    await scene.harness.store.finish(replace(told, outcome=replace(told.outcome, interrupted=True)))


async def lose(scene: Scene) -> None:
    """The running lease runs out; a claimed one would be requeued, so the session only dies if running."""
    if (await scene.run()).state is RunState.CLAIMED:
        return
    scene.harness.advance(36)
    await scene.harness.store.reap(NOBODY, NOBODY)


async def requeue(scene: Scene) -> None:
    if (await scene.run()).state is RunState.RUNNING:
        scene.harness.advance(13)  # beyond a claim's lease, within a run's
    else:
        scene.harness.advance(60)
    await scene.harness.store.reap(NOBODY, NOBODY)


async def expire(scene: Scene) -> None:
    scene.harness.advance((TIMEOUT + GRACE).total_seconds() + 31)
    await scene.harness.store.reap(NOBODY, frozenset({scene.worker.session}))


async def cancel(scene: Scene) -> None:
    with suppress(Conflict):  # what has ended says so
        await scene.harness.store.cancel(scene.run_id, CALLER)


OPERATIONS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    operation.__name__: operation
    for operation in (claim, start, release, finish, retry, interrupt, lose, requeue, expire, cancel)
}


def test_every_edge_of_the_table_has_its_operation() -> None:
    assert {edge.name for edge in MOVES} == OPERATIONS.keys()
    assert {"fire", "submit", "skip", "miss"} == BORN


@pytest.mark.parametrize("edge", MOVES, ids=lambda edge: edge.name)
@pytest.mark.parametrize("state", list(RunState), ids=str)
async def test_an_edge_moves_a_run_from_its_sources_and_from_nowhere_else(
    harness: StoreHarness, edge: object, state: RunState
) -> None:
    transition = next(known for known in MOVES if known is edge)
    scene = await scene_in(harness, state)
    before = await scene.run()

    await OPERATIONS[transition.name](scene)

    after = await scene.run()
    if state in transition.source:
        assert after.state in transition.target
    else:
        assert after.state is before.state
        assert (after.epoch, after.attempt, after.reason) == (before.epoch, before.attempt, before.reason)


@pytest.mark.parametrize("operation", [start, release, finish, retry, interrupt], ids=lambda f: f.__name__)
@pytest.mark.parametrize("wrong", ["epoch", "session"])
@pytest.mark.parametrize("state", [RunState.CLAIMED, RunState.RUNNING], ids=str)
async def test_nobody_but_the_holder_moves_a_held_run(
    harness: StoreHarness, operation: Callable[[Scene], Awaitable[None]], wrong: str, state: RunState
) -> None:
    scene = await scene_in(harness, state)
    other = {"epoch": scene.held.epoch + 1} if wrong == "epoch" else {"session": SessionId(uuid7())}
    scene.held = replace(scene.held, **other)  # type: ignore[arg-type]
    before = await scene.run()

    await operation(scene)

    assert await scene.run() == before


async def test_a_worker_starts_nothing_that_was_cancelled_before(harness: StoreHarness) -> None:
    scene = await scene_in(harness, RunState.CLAIMED)
    await harness.store.cancel(scene.run_id, CALLER)

    verdict = await harness.store.start(scene.held, HOST)

    assert verdict == "cancelled"
    assert (await scene.run()).state is RunState.CANCELLED
