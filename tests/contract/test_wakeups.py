"""Every kind of wake-ups keeps the port's promises: inside one process, and between two over a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nice_operator.lease.local import LocalWakeups
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.lease.redis_wakeups import MOST_WAITING, RedisWakeups
from nice_operator.ports import Wakeups
from tests.support.redis import RedisServer, private_redis, redis_files

WITHIN = 10.0
SOON = 0.3


@dataclass
class Pair:
    """Whoever speaks, and whoever hears: one and the same, or two replicas."""

    speaker: Wakeups
    hearer: Wakeups


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with private_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture(params=["local", "redis, same replica", "redis, another replica"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    if request.param == "local":
        local = LocalWakeups()
        yield Pair(local, local)
        return
    server: RedisServer = request.getfixturevalue("redis")
    one, two = [replica(tmp_path, server) for _ in range(2)]
    await connected(one, two)
    yield Pair(one, one if "same" in request.param else two)
    await one.stop()
    await two.stop()


def replica(tmp_path: Path, server: RedisServer, prefix: str = "nice:") -> RedisWakeups:
    return RedisWakeups(RedisPlace(redis_files(tmp_path / "files", server)), prefix=prefix)


async def connected(*replicas: RedisWakeups) -> None:
    for one in replicas:
        await one.start()
    async with asyncio.timeout(WITHIN):
        for one in replicas:
            await one.hearing.wait()


async def test_a_publication_wakes_whoever_listens(pair: Pair) -> None:
    async with pair.hearer.subscribe("queue", "due") as listening:
        pair.speaker.publish("due")

        assert await listening.wait(WITHIN)


async def test_one_that_came_before_the_wait_is_not_lost(pair: Pair) -> None:
    async with pair.hearer.subscribe("queue") as listening, pair.hearer.subscribe("after") as after:
        pair.speaker.publish("queue")
        pair.speaker.publish("after")
        assert await after.wait(WITHIN)

        assert await listening.wait(0)


async def test_several_while_nobody_waits_are_one(pair: Pair) -> None:
    async with pair.hearer.subscribe("queue") as listening, pair.hearer.subscribe("after") as after:
        for _ in range(3):
            pair.speaker.publish("queue")
        pair.speaker.publish("after")
        assert await after.wait(WITHIN)

        assert await listening.wait(WITHIN)
        assert not await listening.wait(SOON)


async def test_other_topics_wake_nobody(pair: Pair) -> None:
    async with pair.hearer.subscribe("queue") as listening, pair.hearer.subscribe("after") as after:
        pair.speaker.publish("queues", "run:1", "after")
        assert await after.wait(WITHIN)

        assert not await listening.wait(0)


async def test_nobody_is_woken_after_the_context(pair: Pair) -> None:
    async with pair.hearer.subscribe("queue") as listening:
        pass
    pair.speaker.publish("queue")

    assert not await listening.wait(SOON)


async def test_publishing_to_nobody_does_nothing(pair: Pair) -> None:
    pair.speaker.publish("nobody", "listens")
    async with pair.hearer.subscribe("nobody") as listening:
        pair.speaker.publish("somebody")

        assert not await listening.wait(0)


async def test_two_installations_on_one_redis_do_not_wake_each_other(
    tmp_path: Path, redis: RedisServer
) -> None:
    one, other, third = (replica(tmp_path, redis, prefix) for prefix in ("a:", "b:", "a:"))
    await connected(one, other, third)
    async with other.subscribe("queue") as foreign, third.subscribe("queue") as own:
        one.publish("queue")

        assert await own.wait(WITHIN)
        assert not await foreign.wait(SOON)
    for each in (one, other, third):
        await each.stop()


async def test_a_burst_goes_out_in_few_messages(tmp_path: Path, redis: RedisServer) -> None:
    one, two = replica(tmp_path, redis), replica(tmp_path, redis)
    await connected(one, two)
    before = published(redis)
    async with two.subscribe("run:1999") as last:
        for number in range(2000):
            one.publish(f"run:{number}", "runs")
        assert await last.wait(WITHIN)

    assert published(redis) - before <= 5
    await one.stop()
    await two.stop()


async def test_without_redis_callers_go_on_and_nothing_piles_up(tmp_path: Path, redis: RedisServer) -> None:
    one = replica(tmp_path, redis)
    await connected(one)
    redis.freeze()
    async with one.subscribe("here") as here:
        for number in range(3 * MOST_WAITING):
            one.publish(f"run:{number}")
        one.publish("here")

        assert await here.wait(0)
        assert one.backlog <= MOST_WAITING
    redis.thaw()
    await one.stop()


@pytest.mark.parametrize("harm", ["killed", "frozen"])
async def test_when_redis_is_back_everybody_looks_and_hears_again(
    tmp_path: Path, redis: RedisServer, harm: str
) -> None:
    one, two = replica(tmp_path, redis), replica(tmp_path, redis)
    await connected(one, two)
    if harm == "killed":
        redis.kill()
    else:
        redis.freeze()
    async with asyncio.timeout(30):
        while two.hearing.is_set():
            await asyncio.sleep(0.05)
    async with two.subscribe("missed") as missed:
        one.publish("missed")  # nobody hears this
        if harm == "killed":
            redis.start()
        else:
            redis.thaw()

        assert await missed.wait(WITHIN)
    async with two.subscribe("queue") as listening:
        async with asyncio.timeout(WITHIN):
            while not await listening.wait(0.1):
                one.publish("queue")
    await one.stop()
    await two.stop()


async def test_a_replica_that_starts_without_redis_works_and_connects_later(
    tmp_path: Path, redis: RedisServer
) -> None:
    redis.kill()
    one = replica(tmp_path, redis)
    await one.start()
    async with one.subscribe("queue") as listening:
        one.publish("queue")
        assert await listening.wait(0)
    redis.start()

    async with asyncio.timeout(WITHIN):
        await one.hearing.wait()
    await one.stop()


async def test_stopping_ends_whatever_is_under_way(tmp_path: Path, redis: RedisServer) -> None:
    for number in range(40):
        one = replica(tmp_path, redis)
        await one.start()
        if number % 2:
            async with asyncio.timeout(WITHIN):
                await one.hearing.wait()
        for step in range(20):
            one.publish(f"run:{number}:{step}")
            await asyncio.sleep(0)
        async with asyncio.timeout(WITHIN):
            await one.stop()


def published(redis: RedisServer) -> int:
    """PUBLISH commands that the server has carried out."""
    lines = redis.command("INFO", "commandstats").decode().splitlines()
    stats = [line for line in lines if line.startswith("cmdstat_publish:")]
    return int(stats[0].split("calls=")[1].split(",")[0]) if stats else 0
