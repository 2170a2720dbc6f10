"""When a worker ends: told to leave, drained, fenced, or left alone for too long."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from nice_runner.supervisor.worker import Worker

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 5.0
"""How long a leaving worker waits for the operator to take its last reports."""

KEEP_REPORTS_SECONDS = 86400.0
"""How long a worker that was left alone keeps reports that no operator has taken yet."""

LAST_GRACE = 2.0
"""Seconds that runs get for their own end when the worker was told to leave at once."""

CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class Patience:
    """Seconds: for runs to end at a drain, and for an operator to come back when nothing runs. ``drained``:
    for the signal to leave after the operator asked to take no more. A pod must wait for it, unready: were
    its worker to end by itself, its container would be started again, as ready as before."""

    drain: float
    alone: float
    drained: float = 0.0


class Departure:
    """Decides when to go, and makes the runs go first."""

    def __init__(self, worker: Worker, patience: Patience) -> None:
        self._worker = worker
        self._patience = patience
        self._clock = asyncio.get_running_loop().time
        self._interrupt_at: float | None = None
        self._told_to_leave = False
        self._last_connected = self._clock()
        self._idle_since: float | None = None

    def terminate(self) -> None:
        """SIGTERM: drain, and interrupt what is left at the end of the drain; the second time, at once."""
        if self._told_to_leave:
            self.interrupt()
            return
        self._told_to_leave = True
        self._interrupt_at = self._clock() + self._patience.drain
        self._worker.drain()
        self._worker.changed.set()

    def interrupt(self) -> None:
        """Hand everything back now."""
        self._told_to_leave = True
        self._worker.drain()
        self._interrupt(LAST_GRACE)

    async def wait(self) -> None:
        """Returns when the worker may end."""
        while not self._may_end():
            self._worker.changed.clear()
            await self._next_change()
            self._act()

    async def _next_change(self) -> None:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._worker.changed.wait()
        except TimeoutError:
            pass

    def _act(self) -> None:
        now = self._clock()
        if self._worker.connected:
            self._last_connected = now
        elif self._worker.draining or now - self._last_connected > self._patience.alone:
            self._worker.give_up_starts()
        if self._worker.fenced:
            for attempt in self._worker.attempts:
                attempt.discard()
        if self._interrupt_at is not None and now >= self._interrupt_at:
            logger.warning("the drain has lasted %s s; stopping what is left", self._patience.drain)
            self._interrupt(None)

    def _interrupt(self, grace: float | None) -> None:
        self._interrupt_at = None
        for attempt in self._worker.attempts:
            attempt.interrupt(grace)

    def _may_end(self) -> bool:
        worker, now = self._worker, self._clock()
        if worker.executing:
            self._idle_since = None
            return False
        self._idle_since = self._idle_since or now
        if worker.fenced:
            return True
        if worker.draining:
            patience = 0.0 if self._told_to_leave else self._patience.drained
            settled = not worker.attempts or now - self._idle_since > SETTLE_SECONDS
            return settled and now - self._idle_since >= patience
        alone = max(self._patience.alone, KEEP_REPORTS_SECONDS) if worker.attempts else self._patience.alone
        return now - max(self._last_connected, self._idle_since) > alone
