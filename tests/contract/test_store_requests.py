"""Requests for runs, and what concurrency policies make of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from nice_operator.domain.errors import Conflict, InvalidInput, KeyReused, TaskChanged
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.task import Task
from nice_operator.ports import RunFilter, Submitted
from tests.support.stores import CALLER, StoreHarness


async def test_the_same_key_is_the_same_run(harness: StoreHarness) -> None:
    task = await harness.put("a")
    first = await harness.submit(task, "m:k", payload='{"a": 1.0}')

    again = await harness.submit(task, "m:k", payload='{"a": 1.0}')

    assert (first.created, again.created) == (True, False)
    assert again.run == first.run
    assert first.run.payload == '{"a": 1.0}'


async def test_a_key_with_another_payload_is_refused(harness: StoreHarness) -> None:
    task = await harness.put("a")
    await harness.submit(task, "m:k", payload="1")

    with pytest.raises(KeyReused, match="another payload"):
        await harness.submit(task, "m:k", payload="1.0")


async def test_a_key_that_is_too_long_is_refused(harness: StoreHarness) -> None:
    task = await harness.put("a")

    with pytest.raises(InvalidInput, match="at most 512 bytes, found 602"):
        await harness.submit(task, "m:" + "k" * 600)


async def test_parallel_requests_with_one_key_make_one_run(harness: StoreHarness) -> None:
    task = await harness.put("a")
    other = await harness.open_another()
    asks = [harness.submit(task, "m:k") for _ in range(100)]
    harness.store, mine = other, harness.store

    found = await asyncio.gather(*asks, *(harness.submit(task, "m:k") for _ in range(100)))
    harness.store = mine

    assert sum(submitted.created for submitted in found) == 1
    assert len({submitted.run.id for submitted in found}) == 1


async def test_a_suspended_or_deleted_task_is_not_run(harness: StoreHarness) -> None:
    suspended = await harness.put("a", suspend=True)
    deleted = await harness.put("b")
    await harness.store.delete_task(deleted.id)

    with pytest.raises(Conflict, match="is suspended"):
        await harness.submit(suspended)
    with pytest.raises(Conflict, match="was deleted"):
        await harness.submit(deleted)


async def test_an_exact_request_is_refused_when_the_task_has_another_version(harness: StoreHarness) -> None:
    known = await harness.put("a")
    assert (await harness.submit(known, exact=True)).created
    await harness.put("a", priority=5)

    answers = await asyncio.gather(
        *(harness.submit(known, exact=True) for _ in range(3)), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [TaskChanged] * 3
    assert (await harness.submit(known)).created


async def test_an_exact_request_for_a_deleted_task_says_that_it_changed(harness: StoreHarness) -> None:
    known = await harness.put("a")
    await harness.store.delete_task(known.id)

    with pytest.raises(TaskChanged):
        await harness.submit(known, exact=True)


async def test_forbid_refuses_a_request_and_names_the_run_in_the_way(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Forbid")
    first = (await harness.submit(task)).run

    with pytest.raises(Conflict) as refusal:
        await harness.submit(task)

    assert (refusal.value.run, refusal.value.state) == (first.id, "queued")


async def test_of_parallel_requests_to_two_servers_forbid_admits_one(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Forbid")
    other = await harness.open_another()
    asks = [harness.submit(task) for _ in range(25)]
    harness.store, mine = other, harness.store

    found = await asyncio.gather(*asks, *(harness.submit(task) for _ in range(25)), return_exceptions=True)
    harness.store = mine

    assert sum(isinstance(answer, Submitted) for answer in found) == 1
    assert sum(isinstance(answer, Conflict) for answer in found) == 49


async def test_a_retry_keeps_the_slot_and_the_end_frees_it(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Forbid", maxAttempts=2)
    await harness.submit(task)
    worker = await harness.worker()
    await worker.finish(await worker.running(), RunState.QUEUED)

    with pytest.raises(Conflict):
        await harness.submit(task)
    await worker.finish(await worker.running(), RunState.FAILED)

    assert (await harness.submit(task)).created


async def test_enqueue_fills_its_slots_and_then_waits_by_priority_and_age(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Enqueue", limit=2)
    runs = [(await harness.submit(task)).run for _ in range(4)]
    worker = await harness.worker()

    claimed = await worker.claim(free=4)

    assert [got.run.id for got in claimed] == [runs[0].id, runs[1].id]
    assert runs[2].blocked_by == runs[3].blocked_by == runs[0].id
    await harness.store.cancel(runs[1].id, CALLER)
    assert [got.run.id for got in await worker.claim(free=4)] == [runs[2].id]


async def test_more_slots_in_a_new_version_let_the_waiting_in(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Enqueue", limit=1)
    for _ in range(3):
        await harness.submit(task)
    worker = await harness.worker()
    assert len(await worker.claim(free=4)) == 1

    await harness.put("a", policy="Enqueue", limit=3)

    assert len(await worker.claim(free=4)) == 2


async def test_coalesce_keeps_one_waiting_run(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Coalesce")
    first, second = [(await harness.submit(task)).run for _ in range(2)]

    with pytest.raises(Conflict) as refusal:
        await harness.submit(task)

    assert second.blocked_by == first.id
    assert refusal.value.run == second.id


async def test_replace_ends_a_queued_run_at_once(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Replace")
    first = (await harness.submit(task)).run

    second = (await harness.submit(task)).run

    old = await harness.run(first.id)
    assert (old.state, old.reason) == (RunState.CANCELLED, "Replaced")
    assert second.blocked_by is None


async def test_replace_waits_until_the_running_one_has_ended(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Replace")
    await harness.submit(task)
    worker = await harness.worker()
    running = await worker.running()

    second = (await harness.submit(task)).run
    third = (await harness.submit(task)).run

    assert (await harness.run(second.id)).state is RunState.CANCELLED
    assert (third.blocked_by, await worker.claim()) == (running.id, ())
    assert (await harness.run(running.id)).cancel_requested_at == harness.now()
    await worker.finish(running, RunState.CANCELLED)
    assert (await worker.claim_one()).id == third.id


async def test_a_request_for_later_blocks_nobody_and_then_waits_its_turn(harness: StoreHarness) -> None:
    task = await harness.put("a", policy="Forbid")
    later = await _later(harness, task, 60)
    now = (await harness.submit(task)).run
    worker = await harness.worker()
    held = await worker.running()
    harness.advance(61)
    await worker.store.heartbeat(worker.session, [held])

    assert held.id == now.id
    assert await worker.claim() == ()
    assert (await harness.run(later.id)).blocked_by == held.id
    await worker.finish(held)
    assert (await worker.claim_one()).id == later.id


async def _later(harness: StoreHarness, task: Task, seconds: float) -> Run:
    at = harness.now() + timedelta(seconds=seconds)
    return (await harness.submit(task, available_at=at)).run


async def test_pages_lead_through_all_runs_newest_first(harness: StoreHarness) -> None:
    task = await harness.put("a")
    made = [(await harness.submit(task)).run.id for _ in range(5)]

    first = await harness.store.list_runs(RunFilter(namespace="default", limit=3))
    rest = await harness.store.list_runs(RunFilter(namespace="default", before=first.next, limit=3))

    assert [run.id for run in first.runs + rest.runs] == made[::-1]
    assert rest.next is None
