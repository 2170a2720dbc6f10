"""Retention."""

from __future__ import annotations

from nice_operator.domain.run import RunState
from nice_operator.ports import RunFilter, RunLogs
from nice_operator.store.history import find_expendable
from nice_operator.store.versions import Versions
from tests.support.stores import CALLER, StoreHarness, read_spec


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


async def test_the_logs_of_deleted_runs_are_noted_until_they_are_gone(harness: StoreHarness) -> None:
    task = await harness.put("a", keep=1)
    worker = await harness.worker()
    ended = []
    for _ in range(3):
        await harness.submit(task)
        held = await worker.running()
        await worker.finish(held)
        ended.append(held.id)

    await harness.store.prune(100)
    noted = await harness.store.orphaned_logs(100)
    await harness.store.forget_orphaned(ended[:1])

    assert noted == [RunLogs(run, "default", "a", 1) for run in ended[:2]]
    assert await harness.store.orphaned_logs(100) == noted[1:]
    assert len(await harness.store.orphaned_logs(0)) == 0


async def test_a_run_that_never_began_has_no_log_to_delete(harness: StoreHarness) -> None:
    task = await harness.put("a", keep=0)
    for _ in range(3):
        run = (await harness.submit(task)).run
        await harness.store.cancel(run.id, CALLER)

    pruned = await harness.store.prune(100)

    assert len(pruned) == 3
    assert await harness.store.orphaned_logs(100) == []


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


async def test_every_task_is_looked_at_in_turn(harness: StoreHarness) -> None:
    first, second = await harness.put("a", keep=1), await harness.put("b", keep=1)
    worker = await harness.worker()
    ended = []
    for task in (first, second) * 2:
        await harness.submit(task)
        held = await worker.running()
        await worker.finish(held)
        ended.append(held.id)
    versions = Versions(read_spec)

    one = await harness.store.database.read(lambda tx: find_expendable(tx, versions, 9, None, 1))
    two = await harness.store.database.read(lambda tx: find_expendable(tx, versions, 9, one.after, 1))
    end = await harness.store.database.read(lambda tx: find_expendable(tx, versions, 9, two.after, 1))

    assert (list(one.runs), one.after) == ([ended[0]], first.id)
    assert (list(two.runs), two.after) == ([ended[1]], second.id)
    assert (list(end.runs), end.after) == ([], None)
