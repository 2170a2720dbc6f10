"""Wake-ups and leadership inside one process, for the dev mode and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress

from nice_operator.ports import Term


class LocalSubscription:
    """One flag: set by any publication, cleared by the wait that saw it."""

    def __init__(self) -> None:
        self._published = asyncio.Event()

    def wake(self) -> None:
        """Note a publication."""
        self._published.set()

    async def wait(self, timeout: float | None) -> bool:
        """True when something was published since the last wait, False after ``timeout`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._published.wait()
        published = self._published.is_set()
        self._published.clear()
        return published


class LocalWakeups:
    """Topics to subscriptions, in memory. Publishing costs what its own subscribers cost, whatever the
    number of others; a topic that nobody listens to costs one look-up."""

    def __init__(self) -> None:
        self._topics: dict[str, set[LocalSubscription]] = {}

    @property
    def topics(self) -> frozenset[str]:
        """What somebody listens to."""
        return frozenset(self._topics)

    def publish(self, *topics: str) -> None:
        """Wake whoever subscribed to any of these. From the event loop's thread only."""
        for topic in topics:
            for subscription in self._topics.get(topic, ()):
                subscription.wake()

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[LocalSubscription]:
        """Listen until the context ends."""
        return self._subscribed(topics)

    @asynccontextmanager
    async def _subscribed(self, topics: tuple[str, ...]) -> AsyncIterator[LocalSubscription]:
        subscription = LocalSubscription()
        with self._listed(subscription, topics):
            yield subscription

    @contextmanager
    def _listed(self, subscription: LocalSubscription, topics: tuple[str, ...]) -> Iterator[None]:
        for topic in topics:
            self._topics.setdefault(topic, set()).add(subscription)
        try:
            yield
        finally:
            for topic in topics:
                self._unlist(subscription, topic)

    def _unlist(self, subscription: LocalSubscription, topic: str) -> None:
        listeners = self._topics.get(topic, set())
        listeners.discard(subscription)
        if not listeners:
            self._topics.pop(topic, None)


class LocalLeadership:
    """``ports.Leadership`` of a server that is alone on its data: it always leads."""

    ttl = 60.0

    def __init__(self, holder: str = "this server") -> None:
        self._holder = holder
        self._number = 0

    async def take(self) -> Term | None:
        """The next term."""
        self._number += 1
        return Term(self._number, self._holder)

    async def keep(self, term: Term) -> bool:
        """Always."""
        return True

    async def leave(self, term: Term) -> None:
        """Nobody waits for it."""
