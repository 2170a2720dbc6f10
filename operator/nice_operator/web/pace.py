"""How fast messages of one connection are taken, so that whoever floods waits, and nobody else.

What is read from a socket may be there already in great number, and carrying out a message may wait for
nothing: without a pause the connection would have the event loop to itself.
"""

from __future__ import annotations

import asyncio
import time

SLICE = 0.002
"""Seconds of work for one connection before the others have their turn."""


class Turns:
    """``rest`` after each message lets others on when this connection's turn is over."""

    def __init__(self) -> None:
        self._ends = time.thread_time() + SLICE

    async def rest(self) -> None:
        """Returns at once, or after everybody else had a turn."""
        if time.thread_time() >= self._ends:
            await asyncio.sleep(0)
            self._ends = time.thread_time() + SLICE


class Bucket:
    """Tokens that come back with time: ``rate`` a second, ``burst`` at most."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = time.monotonic()

    def take(self) -> float:
        """Take one token. Returns the seconds until there is one again; 0 when there was one."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return max(0.0, -self._tokens / self._rate)
