"""Leadership on a real Redis and a real row: Redis spares the database questions, and decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.lease.redis_client import RedisLink
from nice_operator.lease.redis_leadership import RedisLeadership
from nice_operator.lease.redis_lock import RedisLock
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.lease.row import RowLeadership
from nice_operator.ports import Lead, LeaderStore, Term
from nice_operator.store import SqlStore
from tests.support.redis import RedisServer, private_redis, redis_files
from tests.support.stores import read_spec

TTL = 2.0
WITHIN = 15.0
KEY = "nice:leader"


@dataclass
class Counting:
    """The store, and how often it was asked for a term."""

    store: LeaderStore
    asked: int = 0

    async def take_lead(self, holder: str, life: UUID, ttl: timedelta) -> Term | None:
        self.asked += 1
        return await self.store.take_lead(holder, life, ttl)

    async def keep_lead(self, term: Term, life: UUID, ttl: timedelta) -> bool:
        return await self.store.keep_lead(term, life, ttl)

    async def leave_lead(self, term: Term, life: UUID) -> None:
        await self.store.leave_lead(term, life)

    async def lead(self) -> Lead | None:
        return await self.store.lead()


@dataclass
class Candidates:
    """Replicas that want to lead, on one database and one Redis."""

    store: SqlStore
    files: Path
    links: list[RedisLink] = field(default_factory=list)

    def make(self, name: str) -> tuple[RedisLeadership, Counting]:
        counting = Counting(self.store)
        link = RedisLink(RedisPlace(self.files))
        self.links.append(link)
        lock = RedisLock(link, prefix="nice:", token=name, ttl=TTL)
        return RedisLeadership(lock, RowLeadership(counting, name, ttl=TTL), SystemClock()), counting


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with private_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def candidates(tmp_path: Path, redis: RedisServer) -> AsyncIterator[Candidates]:
    store = await SqlStore.open(tmp_path / "nice.db", read_spec=read_spec)
    made = Candidates(store, redis_files(tmp_path / "files", redis))
    yield made
    for link in made.links:
        await link.close()
    await store.close()


async def key_is(redis: RedisServer, token: bytes | None) -> None:
    """Wait until the key holds that."""
    expected = b"$-1\r\n" if token is None else b"$%d\r\n%b\r\n" % (len(token), token)
    deadline = time.monotonic() + WITHIN
    while (found := redis.command("GET", KEY)) != expected:
        assert time.monotonic() < deadline, (found, expected)
        await asyncio.sleep(0.02)


async def test_whoever_finds_the_key_taken_does_not_ask_the_database(candidates: Candidates) -> None:
    (one, _), (two, asked) = candidates.make("one"), candidates.make("two")
    assert await one.take() == Term(1, "one")

    assert [await two.take() for _ in range(5)] == [None] * 5
    assert asked.asked == 0


async def test_whoever_leaves_frees_the_key_and_the_row(candidates: Candidates, redis: RedisServer) -> None:
    (one, _), (two, _) = candidates.make("one"), candidates.make("two")
    term = await one.take()
    assert term is not None
    await one.leave(term)

    await key_is(redis, None)
    assert await two.take() == Term(2, "two")


async def test_a_leader_that_vanishes_is_followed_when_its_time_is_over(candidates: Candidates) -> None:
    (one, _), (two, _) = candidates.make("one"), candidates.make("two")
    began = time.monotonic()
    assert await one.take() is not None

    term = None
    async with asyncio.timeout(WITHIN):
        while term is None:
            term = await two.take()
            await asyncio.sleep(0.05)
    assert term == Term(2, "two")
    assert time.monotonic() - began >= TTL


async def test_an_emptied_redis_ends_no_term_and_makes_no_second_leader(
    candidates: Candidates, redis: RedisServer
) -> None:
    (one, _), (two, asked) = candidates.make("one"), candidates.make("two")
    term = await one.take()
    assert term is not None
    redis.command("FLUSHALL")

    assert await two.take() is None
    assert asked.asked == 1
    await key_is(redis, None)  # a candidate that was refused keeps no key
    assert await one.keep(term)
    await key_is(redis, b"one")
    assert await two.take() is None
    assert asked.asked == 1


async def test_numbers_grow_whatever_redis_forgets(candidates: Candidates, redis: RedisServer) -> None:
    numbers = []
    for name in ("one", "two", "three"):
        one, _ = candidates.make(name)
        term = await one.take()
        assert term is not None
        numbers.append(term.number)
        await one.leave(term)
        redis.command("FLUSHALL")

    assert numbers == [1, 2, 3]


async def test_a_killed_redis_ends_no_term_and_makes_no_second_leader(
    candidates: Candidates, redis: RedisServer
) -> None:
    (one, _), (two, _) = candidates.make("one"), candidates.make("two")
    term = await one.take()
    assert term is not None
    redis.kill()

    assert await one.keep(term)
    assert await two.take() is None
    await one.leave(term)
    assert await two.take() == Term(2, "two")


async def test_a_frozen_redis_delays_no_renewal(candidates: Candidates, redis: RedisServer) -> None:
    one, _ = candidates.make("one")
    term = await one.take()
    assert term is not None
    redis.freeze()
    try:
        for _ in range(3):
            began = time.monotonic()
            assert await one.keep(term)
            assert time.monotonic() - began < TTL / 4
    finally:
        redis.thaw()


async def test_a_frozen_redis_delays_a_candidate_once_and_not_for_long(
    candidates: Candidates, redis: RedisServer
) -> None:
    one, _ = candidates.make("one")
    redis.freeze()
    try:
        began = time.monotonic()
        term = await one.take()
        assert term is not None
        assert time.monotonic() - began < 5
        await one.leave(term)
        began = time.monotonic()
        assert await one.take() is not None
        assert time.monotonic() - began < 1
    finally:
        redis.thaw()


async def test_without_redis_and_row_at_once_there_is_no_leader(
    candidates: Candidates, redis: RedisServer
) -> None:
    (one, _), (two, _) = candidates.make("one"), candidates.make("two")
    assert await one.take() is not None
    redis.kill()

    assert await two.take() is None
    redis.start()
    assert await two.take() is None
