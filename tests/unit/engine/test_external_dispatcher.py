"""Queues that were found empty: not asked again for each worker that asks, and not forgotten for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.engine import topics
from nice_operator.engine.external.dispatcher import ExternalDispatcher
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import ClaimRequest
from tests.fakes.clock import FakeClock

POLL = 3600.0
"""Nothing here happens by waiting."""


class Hungry:
    """A worker that asks for work of one queue, and its hub."""

    def __init__(self) -> None:
        self.session = SessionId(uuid7())

    def hungry(self) -> Sequence[Any]:
        return [self]

    def request(self) -> ClaimRequest:
        return ClaimRequest(self.session, "w", 1, ("task:default/work",), ("",), ())


class Empty:
    """A store without work that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[Sequence[ClaimRequest]] = asyncio.Queue()

    async def take(self, requests: Sequence[ClaimRequest], host: Any) -> Sequence[Any]:
        self.asked.put_nowait(requests)
        return ()

    async def next_available(self) -> None:
        return None


class Stage:
    """A dispatcher at work; ``rounds`` gets something after each of its rounds."""

    def __init__(self) -> None:
        self.store, self.clock, self.wakeups = Empty(), FakeClock(), LocalWakeups()
        self.rounds: asyncio.Queue[None] = asyncio.Queue()
        store: Any = self.store
        hub: Any = Hungry()
        settings = EngineSettings(poll=POLL)
        dispatcher = ExternalDispatcher(store, hub, self.wakeups, self.clock, settings)
        self.work = asyncio.create_task(dispatcher.run(lambda: self.rounds.put_nowait(None)))

    async def round(self) -> int:
        """Let one round pass; how often the store was asked in it."""
        await asyncio.wait_for(self.rounds.get(), 20)
        count = self.store.asked.qsize()
        while not self.store.asked.empty():
            self.store.asked.get_nowait()
        return count

    async def woken(self, topic: str, after: float = 1.0) -> int:
        """The round that ``topic`` wakes, so many seconds later."""
        self.clock.now += after
        self.wakeups.publish(topic)
        return await self.round()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    made.work.cancel()
    with suppress(asyncio.CancelledError):
        await made.work


async def test_workers_that_ask_do_not_make_it_look_into_an_empty_queue_again(stage: Stage) -> None:
    assert [await stage.round(), await stage.woken(topics.ASKED)] == [1, 1], "it begins by looking"
    assert [await stage.woken(topics.ASKED) for _ in range(5)] == [0] * 5


async def test_what_comes_makes_it_look_again(stage: Stage) -> None:
    assert [await stage.round(), await stage.woken(topics.ASKED)] == [1, 1]
    assert [await stage.woken(topics.COMING), await stage.woken(topics.ASKED)] == [1, 0]


async def test_by_the_clock_it_looks_again_however_busily_workers_ask(stage: Stage) -> None:
    assert [await stage.round(), await stage.woken(topics.ASKED)] == [1, 1]
    assert await stage.woken(topics.ASKED, after=POLL - 1) == 0
    assert await stage.woken(topics.ASKED, after=1) == 1
