"""Wake-ups between replicas, over one channel of Redis.

A hint may be lost, so nothing here waits for anybody, holds more than a bounded amount, or fails a caller:
without Redis the replicas poll. Subscribers in this process are woken at once, without Redis.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import AbstractAsyncContextManager, suppress
from uuid import uuid4

from redis.asyncio.client import PubSub

from nice_operator.domain.errors import Unavailable
from nice_operator.lease.ending import end
from nice_operator.lease.local import LocalSubscription, LocalWakeups
from nice_operator.lease.redis_client import RedisLink
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.ports import LOCAL_TOPICS

_log = logging.getLogger(__name__)

CHANNEL = "wake"
GATHER_SECONDS = 0.003
"""What is published within so long goes out as one message."""
MOST_WAITING = 10_000
"""Topics that wait to go out; more are left to polling."""
SOUND_EVERY = 3.0
"""Seconds without anything to say after which an empty message goes out."""
SILENCE_SECONDS = 10.0
"""Hearing nothing for so long, our own messages included, means that the connection is dead."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


class RedisWakeups:
    """``ports.Wakeups``. ``start`` connects, and goes on trying for as long as it takes."""

    def __init__(self, place: RedisPlace, *, prefix: str) -> None:
        self._local = LocalWakeups()
        self._mouth = RedisLink(place)
        self._ear = RedisLink(place)
        self._channel = f"{prefix}{CHANNEL}"
        self._own = uuid4().hex.encode()
        self._waiting: set[str] = set()
        self._filled = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.hearing = asyncio.Event()
        """Set while other replicas can be heard."""

    def publish(self, *topics: str) -> None:
        """Wake subscribers here now, those elsewhere soon. From the event loop's thread only."""
        self._local.publish(*topics)
        told = set(topics) - LOCAL_TOPICS
        if told and self._tasks and len(self._waiting) < MOST_WAITING:
            self._waiting |= told
            self._filled.set()

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[LocalSubscription]:
        """Listen until the context ends."""
        return self._local.subscribe(*topics)

    @property
    def hears_others(self) -> bool | None:
        """Whether Redis answers, so that nobody has to poll."""
        return self.hearing.is_set()

    @property
    def backlog(self) -> int:
        """How many topics wait to go out."""
        return len(self._waiting)

    async def start(self) -> None:
        """Begin to speak and to hear."""
        self._tasks = [
            asyncio.create_task(self._speak(), name="wake-ups sent"),
            asyncio.create_task(self._hear(), name="wake-ups heard"),
        ]

    async def stop(self) -> None:
        """End both."""
        tasks, self._tasks = self._tasks, []
        await end(tasks)
        await self._mouth.close()
        await self._ear.close()

    # ------------------------------------------------------------ speaking

    async def _speak(self) -> None:
        pauses = _Pauses("wake-ups do not go out")
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(SOUND_EVERY):
                    await self._filled.wait()
            await asyncio.sleep(GATHER_SECONDS)
            try:
                await self._send(self._taken())
                pauses.over()
            except Unavailable as error:
                await pauses.after(error)

    def _taken(self) -> set[str]:
        topics, self._waiting = self._waiting, set()
        self._filled.clear()
        return topics

    async def _send(self, topics: set[str]) -> None:
        message = b"\n".join((self._own, *(topic.encode() for topic in topics)))
        await self._mouth.call(lambda client: client.publish(self._channel, message))

    # ------------------------------------------------------------ hearing

    async def _hear(self) -> None:
        pauses = _Pauses("wake-ups of other replicas are not heard")
        while True:
            try:
                async with self._ear.client() as client, client.pubsub() as ear:
                    await ear.subscribe(self._channel)
                    await self._listen(ear, pauses)
            except Unavailable as error:
                self.hearing.clear()
                await pauses.after(error)

    async def _listen(self, ear: PubSub, pauses: _Pauses) -> None:
        """Raises TimeoutError when nothing is heard any more."""
        while True:
            message = await ear.get_message(timeout=SILENCE_SECONDS)
            if message is None:
                raise TimeoutError(f"nothing was heard for {SILENCE_SECONDS:g} s")
            if message["type"] == "subscribe":
                pauses.over()
                self.hearing.set()
                self._local.publish(*self._local.topics)  # what was said meanwhile was not heard: all look
            elif message["type"] == "message":
                self._heard(message["data"])

    def _heard(self, message: bytes) -> None:
        sender, _, topics = message.partition(b"\n")
        if sender != self._own:
            self._local.publish(*topics.decode(errors="replace").split("\n"))


class _Pauses:
    """Between tries: growing, scattered; says once that something is wrong, and once that it is over."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._failures = 0

    async def after(self, error: Unavailable) -> None:
        """Wait before the next try."""
        if not self._failures:
            _log.warning("%s, so this replica polls: %s", self._what, error)
        pause = min(FIRST_PAUSE * 2**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 10)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter, not a secret

    def over(self) -> None:
        """It works."""
        if self._failures:
            _log.info("redis answers again")
        self._failures = 0
