"""What scaling asks of the database, and what it asks of workers through it."""

from __future__ import annotations

from datetime import timedelta

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.run import RunState
from nice_operator.domain.task import EXTERNAL_WORKERS
from nice_operator.ports import Holder, OpenSession
from tests.support.stores import FakeHolder, StoreHarness

NOBODY: frozenset[SessionId] = frozenset()


async def _pool_worker(harness: StoreHarness, name: str, pool: str = "nice/default") -> FakeHolder:
    holder = FakeHolder(harness.store, SessionId(uuid7()), name)
    await harness.store.open_session(OpenSession(holder.session, name, pool, {}, 4))
    return holder


async def test_the_load_of_each_queue_is_told_with_the_age_of_its_oldest(harness: StoreHarness) -> None:
    plain = await harness.put("plain")
    await harness.submit(plain)
    harness.advance(7)
    await harness.submit(plain)
    await harness.submit(await harness.put("picky", selector={"gpu": "yes"}))
    await harness.submit(await harness.put("elsewhere", queue="pool:team-a/heavy"))
    await harness.submit(await harness.put("external", queue="task:default/x"))
    await harness.submit(plain, available_at=harness.now() + timedelta(hours=1))

    loads = {(load.queue, load.selector): load for load in await harness.store.queue_loads()}

    assert loads.keys() == {("pool:default", ""), ("pool:default", "gpu=yes"), ("pool:team-a/heavy", "")}
    assert loads["pool:default", ""].queued == 2
    assert loads["pool:default", ""].oldest == timedelta(seconds=7)
    assert loads["pool:default", "gpu=yes"].oldest == timedelta(0)


async def test_a_run_without_a_slot_asks_for_no_worker(harness: StoreHarness) -> None:
    task = await harness.put("one-at-a-time", policy="Enqueue", limit=1)
    for _ in range(3):
        await harness.submit(task)

    assert [load.queued for load in await harness.store.queue_loads()] == [1]


async def test_the_workers_of_pools_are_told_with_what_they_hold(harness: StoreHarness) -> None:
    busy, idle = await _pool_worker(harness, "busy"), await _pool_worker(harness, "idle")
    await harness.store.open_session(
        OpenSession(SessionId(uuid7()), "outside", EXTERNAL_WORKERS, {}, 1)
    )  # fmt: skip
    for _ in range(2):
        await harness.submit(await harness.put("a"))
    await busy.running()
    await busy.claim_one()

    found = {worker.worker: worker for worker in await harness.store.pool_workers()}

    assert found.keys() == {"busy", "idle"}
    assert (found["busy"].session, found["busy"].pool, found["busy"].busy) == (
        busy.session,
        "nice/default",
        2,
    )
    assert (found["idle"].busy, found["idle"].draining) == (0, False)
    assert found["idle"].session == idle.session


async def test_who_was_not_heard_of_lately_is_counted_only_for_what_it_holds(harness: StoreHarness) -> None:
    silent, holding = await _pool_worker(harness, "silent"), await _pool_worker(harness, "holding")
    closed, alive = await _pool_worker(harness, "closed"), await _pool_worker(harness, "alive")
    await harness.submit(await harness.put("a"))
    await holding.running()
    await harness.store.close_session(closed.session)

    harness.advance(16)
    await harness.store.heartbeat(alive.session, [])

    assert [worker.worker for worker in await harness.store.pool_workers()] == ["alive", "holding"]
    assert silent.session not in {worker.session for worker in await harness.store.pool_workers()}


async def test_whoever_is_asked_to_drain_claims_nothing_more(harness: StoreHarness) -> None:
    worker = await _pool_worker(harness, "w")

    assert await harness.store.ask_to_drain([worker.session]) == [worker.session]
    await harness.submit(await harness.put("a"))

    assert await worker.claim() == ()
    assert (await harness.store.orders()).drains == {worker.session}
    assert [one.draining for one in await harness.store.pool_workers()] == [True]


async def test_whoever_holds_a_run_is_not_asked_to_drain(harness: StoreHarness) -> None:
    busy, idle = await _pool_worker(harness, "busy"), await _pool_worker(harness, "idle")
    await harness.submit(await harness.put("a"))
    held = await busy.running()

    assert await harness.store.ask_to_drain([busy.session, idle.session]) == [idle.session]
    assert await harness.store.ask_to_drain([]) == []

    await busy.finish(held)
    await harness.submit(await harness.put("a"))
    assert len(await busy.claim()) == 1


async def test_asking_twice_to_drain_is_asking_once(harness: StoreHarness) -> None:
    worker = await _pool_worker(harness, "w")

    for _ in range(2):
        assert await harness.store.ask_to_drain([worker.session]) == [worker.session]


async def test_whose_runs_are_about_to_be_lost_is_told_before(harness: StoreHarness) -> None:
    worker, dead = await _pool_worker(harness, "w"), await _pool_worker(harness, "d", "team-a/heavy")
    began = harness.now()
    for name in ("a", "b"):
        await harness.submit(await harness.put(name))
    await worker.running()
    await dead.running()
    assert await harness.store.doomed(NOBODY, NOBODY) == ()

    assert await harness.store.doomed(frozenset({dead.session}), NOBODY) == [
        Holder(dead.session, "d", "team-a/heavy", began)
    ]

    harness.advance(36)
    found = await harness.store.doomed(NOBODY, frozenset({dead.session}))
    assert found == [Holder(worker.session, "w", "nice/default", began)]


async def test_the_end_of_a_worker_is_looked_for_since_it_was_last_heard_of(harness: StoreHarness) -> None:
    worker = await _pool_worker(harness, "w")
    await harness.submit(await harness.put("a"))
    run = await worker.running()
    harness.advance(600)
    await harness.store.heartbeat(worker.session, [run])
    last = harness.now()
    harness.advance(36)

    (found,) = await harness.store.doomed(NOBODY, NOBODY)

    assert found.since == last - timedelta(seconds=15)


async def test_what_is_known_of_a_workers_end_is_in_the_message_of_its_lost_run(
    harness: StoreHarness,
) -> None:
    worker = await _pool_worker(harness, "w")
    await harness.submit(await harness.put("a", onLost="Fail"))
    held = await worker.running()

    await harness.store.reap(
        frozenset({worker.session}), NOBODY, {worker.session: "its container was killed (OOMKilled)"}
    )

    run = await harness.run(held.id)
    assert run.state is RunState.LOST
    assert run.message == "worker w died: its container was killed (OOMKilled)"
