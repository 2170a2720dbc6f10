"""The log of one attempt, kept on disk until it is in CloudWatch. Lives on the event loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from nice_protocol.messages import LogEnd, LogLines
from nice_runner.logs.cloudwatch.delivery import Carried, Delivery, Farewell
from nice_runner.logs.gaps import Gaps
from nice_runner.logs.ring import Reel, Stretch

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
LARGE = 512 * 1024
"""Bytes with which a log does not wait for the second to be over."""

CUT = "the worker ended before the log did"


Errand = Stretch | Farewell


class Carrier(Protocol):
    """``courier.Courier``."""

    async def run(self, delivery: Delivery, errand: Errand) -> tuple[Delivery, Carried]:
        """Do it; the delivery is replaced by the one that comes back."""
        ...


class StreamLog:
    """Implements ``logs.attempt.Archive``. ``over``: nothing is left to do, for better or worse.

    ``resumed``: it is what an earlier life of the worker left, and has its end already.
    """

    def __init__(
        self, reel: Reel, carrier: Carrier, wake: Callable[[], None], *, resumed: bool = False
    ) -> None:
        self.trouble = ""
        self.complain: Callable[[str], None] = lambda words: None
        self.over = False
        self.busy = False
        self._reel = reel
        self._carrier = carrier
        self._delivery = Delivery(reel.stream)
        self._wake = wake
        self._cut = resumed
        self._ended = resumed
        self._end: LogEnd | None = None
        self._unkept = Gaps()
        self._last = 0
        self._since = 0.0

    # ------------------------------------------------------------ logs.attempt.Archive

    @property
    def missing(self) -> Gaps:
        """Lines that will not be in the stream, as far as that is known."""
        return self._unkept.also(self._delivery.missing)

    def take(self, chunk: LogLines) -> None:
        """The next lines."""
        self._last = chunk.first + chunk.lines - 1
        if self.over or not self._keep(chunk):
            self._unkept.add(chunk.first, self._last)
            return
        if not self._since or self._reel.waiting >= LARGE:
            self._wake()
        self._since = self._since or time.monotonic()

    def end(self, end: LogEnd) -> None:
        """Nothing more comes."""
        if self._ended:
            return
        self._end, self._ended = end, True
        if not self._last:
            self.over = True  # a log without lines needs no stream
        elif not self.over:
            with suppress(OSError):
                self._reel.note(
                    {"end": end.lines, "complete": end.complete, "gaps": end.gaps, "why": end.why}
                )
        self._wake()

    # ------------------------------------------------------------ what the shipper does

    @property
    def ended(self) -> bool:
        return self._ended

    @property
    def name(self) -> str:
        return self._reel.stream

    @property
    def waiting(self) -> int:
        """Bytes on disk that are not stored."""
        return self._reel.waiting

    def due_in(self, now: float) -> float | None:
        """Seconds until something is to be done; None: nothing, as it stands."""
        if self.busy or self.over:
            return None
        if self._ended or self._reel.waiting >= LARGE:
            return 0.0
        return max(0.0, self._since + FLUSH_SECONDS - now) if self._reel.waiting else None

    async def step(self) -> None:
        """Store what waits, a file at most, and the end once everything else is. Raises Trouble."""
        if stretch := self._reel.front():
            self._since = 0.0
            carried = await self._run(stretch)
            self._reel.read_to(carried.end)
            self._since = self._since or (time.monotonic() if self._reel.waiting else 0.0)
            if carried.trouble is not None:
                raise carried.trouble
        if self._ended and not self._reel.waiting:
            await self._finish()

    def cut(self) -> None:
        """The worker leaves; whatever has not come does not come."""
        if not self._ended:
            self._cut = True
            self.end(LogEnd(self._last, complete=False, why=CUT))

    def give_up(self, why: str) -> None:
        """It will not be stored; what waits is missing, and what follows will be."""
        logger.error("the log %s is given up: %s", self.name, why)
        self._unkept.add(self._delivery.stored + 1, self._last)
        self._reel.remove()
        self.over = True
        self.blame(f"{why}; this copy of the log is given up")

    def blame(self, why: str) -> None:
        """Say once, to whoever reads the log, that it is not stored."""
        if not self.trouble:
            self.trouble = why
            if not self._ended:
                self.complain(why)

    def _keep(self, chunk: LogLines) -> bool:
        try:
            return self._reel.add(chunk)
        except OSError as error:
            if not self.trouble:
                logger.error("lines of the log %s cannot be kept on disk: %s", self.name, error)
                self.trouble = f"lines could not be kept on the worker's disk: {error}"
            return False

    async def _run(self, errand: Errand) -> Carried:
        self._delivery, carried = await self._carrier.run(self._delivery, errand)
        return carried

    async def _finish(self) -> None:
        end = self._end or self._delivery.noted
        if end is None:
            end = LogEnd(self._delivery.stored, complete=False, why=CUT)
        if end.lines:
            unkept, cut = self._unkept, self._cut
            why = end.why or (self.trouble if unkept else "")
            said = LogEnd(end.lines, end.complete, end.gaps, why)
            if trouble := (await self._run(Farewell(said, unkept, cut))).trouble:
                raise trouble
        self._reel.remove()
        self.over = True
