"""Wake-ups in one process: level-triggered, by topic, and gone with their subscription."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from nice_operator.lease.local import LocalWakeups


async def test_a_publication_before_the_wait_is_not_lost() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("queue") as woken:
        wakeups.publish("queue")
        assert await woken.wait(None)


async def test_many_publications_while_nobody_waits_are_one() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("queue", "runs") as woken:
        wakeups.publish("queue")
        wakeups.publish("runs", "queue")
        assert await woken.wait(None)
        assert not await woken.wait(0)


async def test_other_topics_wake_nobody() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("run:1") as woken:
        wakeups.publish("run:2", "runs")
        assert not await woken.wait(0)


async def test_a_waiting_subscriber_is_woken() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("due") as woken:
        waiting = asyncio.create_task(woken.wait(10))
        await asyncio.sleep(0)
        wakeups.publish("due")
        assert await waiting


async def test_every_subscriber_of_a_topic_is_woken() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("due") as one, wakeups.subscribe("due") as other:
        wakeups.publish("due")
        assert await one.wait(0)
        assert await other.wait(0)


async def test_nothing_is_kept_of_a_subscription_that_ended() -> None:
    wakeups = LocalWakeups()
    async with wakeups.subscribe("run:1", "runs"):
        pass
    assert not wakeups.topics


async def test_a_thousand_subscribers_hear_only_their_own_topic() -> None:
    wakeups = LocalWakeups()
    async with AsyncExitStack() as stack:
        all_of_them = [
            await stack.enter_async_context(wakeups.subscribe(f"run:{number}")) for number in range(1000)
        ]
        wakeups.publish("run:7")
        woken = [number for number, one in enumerate(all_of_them) if await one.wait(0)]
    assert woken == [7]
