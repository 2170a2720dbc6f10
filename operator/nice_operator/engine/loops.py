"""The contract that every background service of the engine shares: start, stop, health.

A service is a coroutine that works until it is cancelled. When it fails, the failure is logged, and it
starts again after a pause that grows; meanwhile its health says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from nice_operator.domain.errors import Unavailable
from nice_operator.ports import Clock

_log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0
HUNG_AFTER = 180.0
"""Seconds without a round. The slowest loop has one a minute, and every call of the database is bounded."""


class Service(Protocol):
    """Something that runs as long as the engine does."""

    @property
    def name(self) -> str:
        """What it is called in logs and health."""
        ...

    async def run(self, beat: Callable[[], None]) -> None:
        """Work until cancelled; call ``beat`` after each round that went well."""
        ...


@dataclass(frozen=True, slots=True)
class Health:
    """``failures`` in a row (0: well); ``silent_for`` seconds since the last round that went well."""

    name: str
    running: bool
    failures: int
    last_error: str
    silent_for: float

    @property
    def hung(self) -> bool:
        """Whether it waits for something that has long been overdue: no failure, and no round either."""
        return self.running and not self.failures and self.silent_for > HUNG_AFTER


async def in_batches(
    batch: Callable[[], Awaitable[int]],
    full: int,
    rest: Callable[[], Awaitable[None]],
    beat: Callable[[], None],
) -> None:
    """Work off batch after batch for ever, with a rest after one that was not full: there is no more then."""
    while True:
        done = await batch()
        beat()
        if done < full:
            await rest()


class Loop:
    """Keeps one service running."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._last_error = ""
        self._last_beat = clock.monotonic()

    async def start(self) -> None:
        """Begin. Starting twice is starting once."""
        if self._task is None:
            self._last_beat = self._clock.monotonic()
            self._task = asyncio.create_task(self._keep_running(), name=self._service.name)

    async def stop(self) -> None:
        """End, and wait until it has. Stopping what does not run does nothing.

        Asked more than once if need be: code in between may swallow a cancellation that crosses its answer.
        """
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=1.0)

    def health(self) -> Health:
        """How it goes."""
        silent = self._clock.monotonic() - self._last_beat
        return Health(
            self._service.name, self._task is not None, self._failures, self._last_error, max(0.0, silent)
        )

    async def _keep_running(self) -> None:
        while True:
            try:
                await self._service.run(self._beat)
            except Exception as error:
                self._note(error)
            await self._clock.sleep(min(FIRST_PAUSE * 2 ** min(self._failures, 10), LONGEST_PAUSE))

    def _beat(self) -> None:
        self._failures = 0
        self._last_error = ""
        self._last_beat = self._clock.monotonic()

    def _note(self, error: Exception) -> None:
        self._failures += 1
        self._last_error = str(error) or type(error).__name__
        if isinstance(error, Unavailable):
            _log.warning("%s waits: %s", self._service.name, error)
        else:
            _log.error("%s failed and starts again", self._service.name, exc_info=error)
