"""What waits or runs, in figures, and the last request of an annotation."""

from __future__ import annotations

from datetime import timedelta

from tests.support.stores import StoreHarness


async def test_the_next_available_run_is_the_earliest_whose_time_has_not_come(harness: StoreHarness) -> None:
    task = await harness.put("a")
    await harness.submit(task)
    assert await harness.store.next_available() is None

    now = await harness.store.now()
    for seconds in (50, 20):
        await harness.submit(task, available_at=now + timedelta(seconds=seconds))
    soon = await harness.store.next_available()
    assert soon is not None
    assert timedelta(seconds=0) < soon <= timedelta(seconds=20)

    harness.advance(30)
    later = await harness.store.next_available()
    assert later is not None
    assert timedelta(seconds=0) < later <= timedelta(seconds=20)


async def test_every_active_run_is_counted_and_no_ended_one(harness: StoreHarness) -> None:
    busy, idle, other = await harness.put("a"), await harness.put("b"), await harness.put("c")
    worker = await harness.worker()
    await harness.submit(idle)
    await worker.finish(await worker.running())
    for task in (busy, busy, busy, other):
        await harness.submit(task)
    await worker.running()

    assert await harness.store.active_counts() == {busy.id: 3, other.id: 1}
    assert await harness.store.active_counts("default") == {busy.id: 3, other.id: 1}
    assert await harness.store.active_counts("elsewhere") == {}


async def test_the_last_request_is_remembered_by_task(harness: StoreHarness) -> None:
    one, two = await harness.put("a"), await harness.put("b")
    assert await harness.store.last_request(one.id) is None

    for key in ("a:1", "a:2"):
        await harness.store.note_request(one.id, key)

    assert await harness.store.last_request(one.id) == "a:2"
    assert await harness.store.last_request(two.id) is None
