"""A clock whose sleeps take no time but move it on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class FakeClock:
    """``ports.Clock``. ``on_sleep`` hears how long each sleep would have been."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.on_sleep: Callable[[float], None] = lambda seconds: None

    def monotonic(self) -> float:
        """Seconds."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let others work, then be later."""
        self.on_sleep(seconds)
        self.now += seconds
        await asyncio.sleep(0)
