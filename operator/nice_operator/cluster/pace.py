"""How fast we may call, and when not at all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


class Pace:
    """A bucket of ``burst`` calls that fills with ``rate`` a second; and a pause for everybody while the
    other side does not answer, or asks for one."""

    def __init__(self, rate: float, burst: int, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._monotonic = monotonic
        self._left = float(burst)
        self._filled_at = monotonic()
        self._resume_at = 0.0
        self._failures = 0

    async def turn(self) -> None:
        """Wait until the next call may be made."""
        while (pause := self._pause()) > 0:  # noqa: ASYNC110  time is what it waits for
            await asyncio.sleep(pause)
        self._left -= 1

    def failed(self, retry_after: float | None = None) -> float:
        """A call was not answered, or refused for now: everybody waits so many seconds, longer each time.
        Of calls that fail together only the first counts."""
        now = self._monotonic()
        if self._resume_at <= now:
            self._failures += 1
            pause: float = min(FIRST_PAUSE * 2 ** min(self._failures - 1, 10), LONGEST_PAUSE)
            self._resume_at = now + pause * (1 + random.random()) / 2  # noqa: S311  jitter
        self._resume_at = max(self._resume_at, now + (retry_after or 0.0))
        return self._resume_at - now

    def answered(self) -> None:
        """A call went well."""
        self._failures = 0

    @property
    def resting(self) -> bool:
        """Whether everybody waits because of a failure that is known already."""
        return self._resume_at > self._monotonic()

    def _pause(self) -> float:
        now = self._monotonic()
        self._left = min(self._burst, self._left + (now - self._filled_at) * self._rate)
        self._filled_at = now
        return max(self._resume_at - now, (1 - self._left) / self._rate)
