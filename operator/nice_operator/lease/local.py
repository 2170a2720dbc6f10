"""Wake-ups and leadership inside one process, for the dev mode and for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress

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
    def hears_others(self) -> bool | None:
        """Nobody else is heard."""
        return None

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
        return _Listening(self, topics)

    def list_(self, subscription: LocalSubscription, topics: Sequence[str]) -> None:
        """From now on these topics wake the subscription."""
        for topic in topics:
            self._topics.setdefault(topic, set()).add(subscription)

    def unlist(self, subscription: LocalSubscription, topics: Sequence[str]) -> None:
        """And from now on they do not."""
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


class _Listening(AbstractAsyncContextManager[LocalSubscription]):
    """One subscription's time. A class, because every waiting caller has one and generators cost more."""

    __slots__ = ("_subscription", "_topics", "_wakeups")

    def __init__(self, wakeups: LocalWakeups, topics: Sequence[str]) -> None:
        self._wakeups = wakeups
        self._topics = topics
        self._subscription = LocalSubscription()

    async def __aenter__(self) -> LocalSubscription:
        self._wakeups.list_(self._subscription, self._topics)
        return self._subscription

    async def __aexit__(self, *_: object) -> None:
        self._wakeups.unlist(self._subscription, self._topics)
