"""Questions about many tasks at once: by name, by uid, and which of them have moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from nice_operator.domain.run import RunState
from nice_operator.ports import KnownTask, Movement
from tests.support.stores import StoreHarness

LATELY = timedelta(seconds=30)


async def test_living_tasks_are_found_by_name_and_by_uid(harness: StoreHarness) -> None:
    a, b, gone = await harness.put("a"), await harness.put("b"), await harness.put("gone")
    await harness.store.delete_task(gone.id)

    named = await harness.store.tasks_named({("default", "a"), ("default", "gone"), ("other", "b")})
    known = await harness.store.tasks_with_uids({a.uid, b.uid, gone.uid, "no such uid"})

    assert [task.id for task in named] == [a.id]
    assert {task.id for task in known} == {a.id, b.id}
    assert await harness.store.tasks_named(()) == ()
    assert await harness.store.tasks_with_uids(()) == ()


async def test_every_step_of_a_run_shows_as_a_movement_of_its_task(harness: StoreHarness) -> None:
    task = await harness.put("a")
    worker = await harness.worker()
    seen = [set(await harness.store.movements(LATELY))]
    await harness.submit(task)
    seen.append(set(await harness.store.movements(LATELY)))
    held = await worker.claim_one()
    seen.append(set(await harness.store.movements(LATELY)))
    await worker.start(held)
    seen.append(set(await harness.store.movements(LATELY)))
    await worker.finish(held)
    seen.append(set(await harness.store.movements(LATELY)))

    assert seen == [
        set(),
        {Movement(task.id, RunState.QUEUED, 1, 0, held.id)},
        {Movement(task.id, RunState.CLAIMED, 1, 1, held.id)},
        {Movement(task.id, RunState.RUNNING, 1, 1, held.id)},
        {Movement(task.id, RunState.SUCCEEDED, 1, 1, held.id)},
    ]


async def test_a_retry_shows_although_its_state_and_number_are_the_same(harness: StoreHarness) -> None:
    task = await harness.put("a", maxAttempts=3)
    worker = await harness.worker()
    await harness.submit(task)
    before = await harness.store.movements(LATELY)
    held = await worker.running()

    await worker.finish(held, RunState.QUEUED)

    after = await harness.store.movements(LATELY)
    assert [movement.state for movement in (*before, *after)] == [RunState.QUEUED, RunState.QUEUED]
    assert before != after


async def test_runs_that_ended_long_ago_are_no_movement_and_active_ones_always_are(
    harness: StoreHarness,
) -> None:
    task = await harness.put("a")
    worker = await harness.worker()
    await harness.submit(task)
    await worker.finish(await worker.running())
    await harness.submit(task)

    harness.advance(60)

    (movement,) = await harness.store.movements(LATELY)
    assert (movement.state, movement.count) == (RunState.QUEUED, 1)


async def test_living_tasks_are_known_without_their_inside(harness: StoreHarness) -> None:
    good, gone = await harness.put("good"), await harness.put("gone")
    broken = await harness.put("broken")
    put = harness.definition("broken", generation=2)
    stalled = replace(put.definition, spec=None, stalled="spec.timeZone: there is none")
    await harness.store.put_task(replace(put, definition=stalled))
    await harness.store.delete_task(gone.id)

    known = {task.name: task for task in await harness.store.known_tasks()}

    assert known == {
        "good": KnownTask("default", "good", good.uid, 1, "good", good.origin, in_force=True),
        "broken": KnownTask("default", "broken", broken.uid, 2, "broken", broken.origin, in_force=False),
    }
