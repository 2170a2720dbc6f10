"""What servers on one database tell each other: that they are there, their workers, and orders for them."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from nice_operator.domain.errors import NotFound
from nice_operator.domain.ids import SessionId
from nice_operator.ports import OpenSession
from tests.support.stores import CALLER, StoreHarness

LATELY = timedelta(seconds=20)


async def test_a_replica_is_there_while_it_says_so(harness: StoreHarness) -> None:
    one, two = uuid4(), uuid4()
    await harness.store.tell_replica(one, "one", "[1]")
    harness.advance(15)
    await harness.store.tell_replica(two, "two", "[2]")
    assert [r.name for r in await harness.store.replicas(LATELY, {})] == ["one", "two"]
    harness.advance(10)

    assert [(r.name, r.roster) for r in await harness.store.replicas(LATELY, {})] == [("two", "[2]")]


async def test_a_roster_that_is_known_is_not_read_again(harness: StoreHarness) -> None:
    one = uuid4()
    await harness.store.tell_replica(one, "one", "[1]")
    (first,) = await harness.store.replicas(LATELY, {})
    harness.advance(1)
    await harness.store.tell_replica(one, "one", None)

    (same,) = await harness.store.replicas(LATELY, {one: first.told_at})
    assert (same.roster, same.seen_at > first.seen_at) == (None, True)
    await harness.store.tell_replica(one, "one", "[2]")
    (news,) = await harness.store.replicas(LATELY, {one: first.told_at})
    assert news.roster == "[2]"


async def test_a_replica_that_says_goodbye_is_gone(harness: StoreHarness) -> None:
    one = uuid4()
    await harness.store.tell_replica(one, "one", "[]")
    await harness.store.forget_replica(one)

    assert await harness.store.replicas(LATELY, {}) == []


async def test_rows_of_servers_long_gone_are_deleted(harness: StoreHarness) -> None:
    await harness.store.tell_replica(uuid4(), "one", "[]")
    harness.advance(3601)
    await harness.store.tell_replica(uuid4(), "two", "[]")

    everything = timedelta(days=1)
    assert [r.name for r in await harness.store.replicas(everything, {})] == ["two"]


async def test_a_run_that_is_to_stop_is_among_the_orders_until_it_ends(harness: StoreHarness) -> None:
    task = await harness.put("a")
    waiting = (await harness.submit(task)).run
    worker = await harness.worker()
    held = await worker.running()
    other = (await harness.submit(task)).run
    assert held.id == waiting.id
    assert (await harness.store.orders()).stops == frozenset()

    await harness.store.cancel(held.id, CALLER)
    await harness.store.cancel(other.id, CALLER)  # waits, so nobody has to be told
    assert (await harness.store.orders()).stops == {held.id}
    await worker.finish(held)
    assert (await harness.store.orders()).stops == frozenset()


async def test_a_session_that_is_to_drain_is_among_the_orders_until_it_closes(harness: StoreHarness) -> None:
    session = SessionId(uuid4())
    await harness.store.open_session(OpenSession(session, "w", "default", {}, 4))
    await harness.store.ask_drain(session)
    assert (await harness.store.orders()).drains == {session}

    await harness.store.close_session(session)
    assert (await harness.store.orders()).drains == frozenset()
    with pytest.raises(NotFound, match=str(session)):
        await harness.store.ask_drain(session)
