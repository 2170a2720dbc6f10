"""The pace of the dispatcher for workers of pools, on a store that has nothing to give."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.engine.dispatcher import SETTLED, Dispatcher
from nice_operator.engine.settings import EngineSettings

LATER = 0.25


class Idle:
    """``ports.RunStore`` without a run for now. ``looks``: how often it was asked what comes later."""

    def __init__(self) -> None:
        self.claims = self.looks = 0

    async def claim(self, request: Any) -> Sequence[Any]:
        self.claims += 1
        return ()

    async def next_available(self) -> timedelta | None:
        self.looks += 1
        return timedelta(seconds=LATER)


class Enough(Exception):
    """Ends the dispatcher."""


class News:
    """``ports.Wakeups`` and ``ports.Subscription`` of one listener, who hears as told, then no more."""

    def __init__(self, *heard: bool) -> None:
        self._heard = list(heard)
        self.waits: list[float | None] = []

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[News]:
        yield self

    def publish(self, *topics: str) -> None: ...

    async def wait(self, timeout: float | None) -> bool:
        self.waits.append(timeout)
        if not self._heard:
            raise Enough
        return self._heard.pop(0)


async def dispatch(store: Any, news: Any) -> None:
    worker = SimpleNamespace(id=SessionId(uuid7()), worker="w", pool="default", labels={})
    hungry = SimpleNamespace(worker=worker, assignable=1, refusals={})
    hub: Any = SimpleNamespace(hungry=lambda: [hungry])
    reports: Any = None
    with pytest.raises(Enough):
        await Dispatcher(store, hub, reports, news, EngineSettings(poll=1.0)).run(lambda: None)


async def test_news_are_followed_at_once_without_a_look_at_what_comes_later() -> None:
    store, news = Idle(), News(True, True)
    await dispatch(store, news)
    assert (store.claims, store.looks) == (3, 0)
    assert news.waits == [SETTLED] * 3


async def test_what_comes_later_is_looked_at_when_nothing_is_heard() -> None:
    store, news = Idle(), News(False)
    await dispatch(store, news)
    assert (store.claims, store.looks) == (1, 1)
    assert news.waits == [SETTLED, LATER]
