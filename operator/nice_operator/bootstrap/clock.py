"""The machine's clock, as far as the engine may use one: waiting and measuring."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """``ports.Clock`` on the real clock."""

    def monotonic(self) -> float:
        """Seconds since some moment in the past, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
