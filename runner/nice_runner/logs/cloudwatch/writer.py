"""The log of one attempt, sent to CloudWatch each second, however often it is away, in bounded memory."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from concurrent.futures import Executor
from itertools import islice
from typing import Protocol

from nice_protocol.messages import LogLines
from nice_runner.logs.cloudwatch.batches import batches, in_order
from nice_runner.logs.cloudwatch.client import Away
from nice_runner.logs.cloudwatch.events import Event, events_of

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
LONGEST_PAUSE = 30.0


class Cloud(Protocol):
    """``client.CloudWatch``."""

    def prepare(self, stream: str) -> None: ...

    def put(self, stream: str, batch: list[Event]) -> int: ...


class StreamWriter:
    """Give it chunks by ``take`` and run ``work`` beside; ``end`` lets ``work`` return once all is stored.

    ``limit``: bytes of events that may wait. What finds no room is dropped, and ``gaps`` names its lines.
    """

    def __init__(self, cloud: Cloud, stream: str, threads: Executor, limit: int) -> None:
        self.gaps: list[list[int]] = []
        self.refused = 0
        self._cloud = cloud
        self._stream = stream
        self._threads = threads
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._size = 0
        self._newest = 0
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def take(self, chunk: LogLines) -> None:
        """Keep it until it is stored, or name it as a gap."""
        events = list(in_order(events_of(chunk), self._newest))
        size = sum(event.size for event in events)
        if self._size + size > self._limit:
            self._missing(chunk.first, chunk.first + chunk.lines - 1)
            return
        self._newest = events[-1].timestamp
        self._waiting.extend(events)
        self._size += size

    def end(self) -> None:
        """Nothing more comes."""
        self._ended.set()

    async def work(self) -> None:
        """Send what waits, each second and at the end, until there is nothing left. Never raises Away."""
        prepared, failures = False, 0
        while self._waiting or not self._ended.is_set():
            try:
                if self._waiting and not prepared:
                    await self._loop.run_in_executor(self._threads, self._cloud.prepare, self._stream)
                    prepared = True
                while self._waiting:
                    await self._send()
                failures = 0
            except Away as away:
                failures += 1
                if failures == 1:
                    logger.warning("CloudWatch does not take the log %s; trying on: %s", self._stream, away)
            await self._rest(failures)

    async def _send(self) -> None:
        batch = next(batches(islice(self._waiting, 10_000)))
        self.refused += await self._loop.run_in_executor(self._threads, self._cloud.put, self._stream, batch)
        for event in batch:
            self._waiting.popleft()
            self._size -= event.size

    async def _rest(self, failures: int) -> None:
        if failures:
            pause = min(LONGEST_PAUSE, FLUSH_SECONDS * 2.0 ** (failures - 1))
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
            return
        try:
            await asyncio.wait_for(self._ended.wait(), FLUSH_SECONDS)
        except TimeoutError:
            return

    def _missing(self, first: int, last: int) -> None:
        if self.gaps and self.gaps[-1][1] == first - 1:
            self.gaps[-1][1] = last
        else:
            self.gaps.append([first, last])
