"""Has what will soon be due made ready before it is: after a start nothing of it is in memory yet, and
10,000 tasks that are read and parsed while their moment passes are late."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from nice_operator.ports import Clock, Store

AHEAD = timedelta(seconds=15)
EVERY = 5.0
"""Seconds between looks; each takes up where the last one ended. What is beyond the 10,000 of one look is
read when it is due."""


class LookAhead:
    """Saves time and nothing else: what it did not see, the scheduler reads."""

    name = "look-ahead"

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def run(self, beat: Callable[[], None]) -> None:
        """Look ahead for as long as the engine runs."""
        seen: datetime | None = None
        while True:
            now = await self._store.now()
            until = now + AHEAD
            await self._store.get_ready(now if seen is None else max(now, seen), until)
            seen = until
            beat()
            await self._clock.sleep(EVERY)
