"""Retention."""

from __future__ import annotations

from nice_operator.domain.run import RunState
from nice_operator.ports import RunFilter
from tests.support.stores import StoreHarness


async def test_history_beyond_its_limits_goes_with_its_attempts(harness: StoreHarness) -> None:
    task = await harness.put("a", keep=2)
    worker = await harness.worker()
    ended = []
    for state in [RunState.FAILED] + [RunState.SUCCEEDED] * 4:
        await harness.submit(task)
        held = await worker.running()
        await worker.finish(held, state)
        ended.append(held.id)
    active = (await harness.submit(task)).run.id

    pruned = await harness.store.prune(100)

    assert set(pruned) == {ended[1], ended[2]}
    left = {run.id for run in (await harness.store.list_runs(RunFilter())).runs}
    assert left == {ended[0], ended[3], ended[4], active}
    assert await harness.store.attempts(ended[1]) == []
    assert await harness.store.prune(100) == []


async def test_the_last_success_and_the_last_failure_stay_however_old(harness: StoreHarness) -> None:
    task = await harness.put("a", keep=0)
    worker = await harness.worker()
    for state in (RunState.FAILED, RunState.SUCCEEDED):
        await harness.submit(task)
        await worker.finish(await worker.running(), state)
    harness.advance(400 * 86_400)

    assert await harness.store.prune(100) == []


async def test_versions_stay_while_a_run_was_made_for_them(harness: StoreHarness) -> None:
    task = await harness.put("a", keep=0)
    worker = await harness.worker()
    await harness.submit(task)
    await worker.finish(await worker.running())
    await harness.put("a", keep=0, priority=1)
    await harness.put("a", keep=0, priority=2)

    await harness.store.prune(100)

    kept = [await harness.store.get_version(task.id, generation) is not None for generation in (1, 2, 3)]
    assert kept == [True, False, True]
