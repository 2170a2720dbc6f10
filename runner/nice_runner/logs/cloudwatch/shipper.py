"""Brings the logs of all attempts of a worker to CloudWatch: each second, at their end, a few at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress

from nice_protocol.messages import Assign
from nice_runner.logs.cloudwatch.client import stream_name
from nice_runner.logs.cloudwatch.pace import Pace
from nice_runner.logs.cloudwatch.stream import Carrier, StreamLog
from nice_runner.logs.cloudwatch.trouble import Denied, Rejected, Trouble
from nice_runner.logs.ring import Reel, Ring

logger = logging.getLogger(__name__)

AT_ONCE = 4
"""Logs that are sent at the same time: most of it is waiting for the network."""


class Shipper:
    """``open`` a log for each attempt, let ``work`` run beside, ``drain`` before leaving."""

    def __init__(self, carrier: Carrier, ring: Ring, pace: Pace | None = None) -> None:
        self._carrier = carrier
        self._ring = ring
        self._pace = pace or Pace(time.monotonic)
        self._streams: dict[StreamLog, None] = {}
        self._steps: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._resume()

    @property
    def pending(self) -> int:
        """Logs that are not dealt with."""
        return len(self._streams)

    def open(self, assign: Assign) -> StreamLog:
        """The log of an attempt that begins."""
        name = stream_name(assign.namespace, assign.task, assign.run, assign.attempt)
        return self._follow(self._ring.reel(f"{assign.run}.{assign.epoch}", name))

    async def work(self) -> None:
        """Until cancelled."""
        try:
            while True:
                pause = self._begin_steps()
                self._wake.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), pause)
        finally:
            for step in self._steps:
                step.cancel()

    async def drain(self, seconds: float) -> None:
        """Nothing more comes: send what is there, for so long at most. What is left stays on disk."""
        self._pace.hurry()
        for stream in list(self._streams):
            stream.cut()
        self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._streams:
                    self._tidy()
                    self._changed.clear()
                    if self._streams:
                        await self._changed.wait()
        if self._streams:
            logger.warning(
                "%d logs did not reach CloudWatch within %g s; %d bytes of them stay in %s for the next life",
                *(len(self._streams), seconds, sum(s.waiting for s in self._streams), self._ring.folder),
            )

    def _resume(self) -> None:
        left = self._ring.left()
        for reel in left:
            self._follow(reel, resumed=True)
        if left:
            logger.info("found %d logs that did not reach CloudWatch before; sending them", len(left))

    def _follow(self, reel: Reel, *, resumed: bool = False) -> StreamLog:
        stream = StreamLog(reel, self._carrier, self._wake.set, resumed=resumed)
        self._streams[stream] = None
        return stream

    # ------------------------------------------------------------ steps

    def _begin_steps(self) -> float | None:
        """Begin what is due. Returns the seconds until something may be; None when only an event can tell."""
        self._tidy()
        pause, now = self._pace.wait(), time.monotonic()
        soonest: float | None = None
        for stream in list(self._streams):
            due_in = stream.due_in(now)
            if due_in is None:
                continue
            wait = max(due_in, pause)
            if wait > 0:
                soonest = wait if soonest is None else min(soonest, wait)
            elif len(self._steps) < (1 if self._pace.careful else AT_ONCE):
                self._begin(stream)
        return soonest

    def _begin(self, stream: StreamLog) -> None:
        stream.busy = True
        step = asyncio.get_running_loop().create_task(self._step(stream))
        self._steps.add(step)
        step.add_done_callback(self._stepped)

    def _stepped(self, step: asyncio.Task[None]) -> None:
        self._steps.discard(step)
        self._wake.set()
        self._changed.set()

    async def _step(self, stream: StreamLog) -> None:
        try:
            await stream.step()
            self._pace.fine()
        except Rejected as rejected:
            stream.give_up(f"CloudWatch takes no such log: {rejected}")
        except Trouble as trouble:
            self._failed(stream, trouble)
        except Exception as error:
            logger.exception("the log %s cannot be brought to CloudWatch", stream.name)
            stream.give_up(f"{type(error).__name__}: {error}")
        finally:
            stream.busy = False
            self._queue_again(stream)

    def _failed(self, stream: StreamLog, trouble: Trouble) -> None:
        """What we may not do for one we may not do for all of them."""
        self._pace.failed(trouble)
        if not isinstance(trouble, Denied):
            return
        for each in [other for other in self._streams if not other.over and (other.waiting or other.ended)]:
            each.blame(f"CloudWatch refuses this log for the time being: {trouble}")
            if self._pace.hopeless and each.ended and (each is stream or not each.busy):
                each.give_up(f"CloudWatch refuses this log: {trouble}")

    def _queue_again(self, stream: StreamLog) -> None:
        """Behind the others, so that no log holds up another."""
        self._streams.pop(stream, None)
        self._streams[stream] = None

    def _tidy(self) -> None:
        for stream in [stream for stream in self._streams if stream.over and not stream.busy]:
            del self._streams[stream]
