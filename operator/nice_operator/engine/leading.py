"""Leading, or waiting to lead: what only one replica does is done here while it has the term.

The term is given up by this process's own monotonic clock, before anybody else can begin one: a call that
hangs, a frozen process that wakes, a database that is away, all end it in time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from nice_operator.domain.errors import Unavailable
from nice_operator.engine import topics
from nice_operator.engine.duties import Performance
from nice_operator.engine.loops import Health
from nice_operator.ports import Clock, Duty, Leadership, Term, Wakeups

_log = logging.getLogger(__name__)

ASK_EVERY = 1.0
"""Seconds between two tries to lead."""
KEEP_EVERY = 0.3
"""Of the term's length: after so long it is renewed."""
GIVE_UP_AFTER = 0.8
"""Of the term's length: without a renewal everything is being ended by then."""
TRY_AGAIN = 0.5
"""Seconds after a renewal that nobody answered."""
END_WITHIN = 10.0
"""Seconds that duties get to end when they are told to."""


class Leading:
    """A service of every replica (``engine.loops``)."""

    name = "leading"

    def __init__(
        self,
        leadership: Leadership,
        duties: Sequence[Duty],
        wakeups: Wakeups,
        clock: Clock,
        end_within: float = END_WITHIN,
    ) -> None:
        self._leadership = leadership
        self._wakeups = wakeups
        self._clock = clock
        self._end_within = end_within
        self._performances = [Performance(duty, clock) for duty in duties]
        self._term: Term | None = None

    @property
    def term(self) -> Term | None:
        """The present term, while this replica leads."""
        return self._term

    def take_on(self, duties: Sequence[Duty]) -> None:
        """Further duties, before the first term."""
        self._performances += [Performance(duty, self._clock) for duty in duties]

    def duties(self) -> Sequence[Health]:
        """How each duty does; running only here while this replica leads."""
        return [performance.health() for performance in self._performances]

    async def run(self, beat: Callable[[], None]) -> None:
        """Try to lead, lead, and try again."""
        async with self._wakeups.subscribe(topics.LEADER) as woken:
            while True:
                await self._ended()
                asked = self._clock.monotonic()
                term = await self._leadership.take()
                beat()
                if term is None:
                    await woken.wait(ASK_EVERY)
                else:
                    await self._lead(term, asked, beat)

    async def _lead(self, term: Term, asked: float, beat: Callable[[], None]) -> None:
        _log.info("term %d: this replica leads as %s", term.number, term.holder)
        self._term = term
        for performance in self._performances:
            performance.begin(term)
        try:
            await self._keep(term, asked, beat)
        finally:
            self._term = None
            await _uninterrupted(self._end(term))

    async def _keep(self, term: Term, asked: float, beat: Callable[[], None]) -> None:
        """Returns when the term is over."""
        pause, end = self._times(asked)
        while (left := end - self._clock.monotonic()) > 0:
            await self._clock.sleep(min(pause, left))
            asked = self._clock.monotonic()
            kept = await self._answer(self._leadership.keep(term), end - asked)
            if kept is False:
                _log.warning("term %d is over: another replica leads", term.number)
                return
            if kept:
                beat()
                pause, end = self._times(asked)
            else:
                pause = TRY_AGAIN
        _log.warning("term %d is given up: it could not be renewed in time", term.number)

    def _times(self, asked: float) -> tuple[float, float]:
        """Seconds until the next renewal, and the moment to give up."""
        ttl = self._leadership.ttl
        return ttl * KEEP_EVERY, asked + ttl * GIVE_UP_AFTER

    async def _answer(self, question: Awaitable[bool], within: float) -> bool | None:
        """None when nobody answered in time."""
        try:
            async with asyncio.timeout(max(0.0, within)):
                return await question
        except TimeoutError:
            return None
        except Unavailable as error:
            _log.warning("the term could not be renewed yet: %s", error)
            return None

    async def _end(self, term: Term) -> None:
        """Let nobody else begin before what we began has ended; the lease's end is the only exception."""
        late = await self._end_duties()
        if late:
            _log.error("term %d is over, but %s does not end", term.number, late)
            return
        await self._leadership.leave(term)
        self._wakeups.publish(topics.LEADER)

    async def _ended(self) -> None:
        """Whoever has not ended yet what an earlier term began must not begin it again."""
        late = await self._end_duties()
        if late:
            raise Unavailable(f"{late} of an earlier term has not ended, so no new one is begun")

    async def _end_duties(self) -> str:
        """The names of those that do not end in time. Asked more than once: see ``loops.Loop.stop``."""
        deadline = self._clock.monotonic() + self._end_within
        pending = {one.task for one in self._performances if one.task is not None}
        while pending and (left := deadline - self._clock.monotonic()) > 0:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=min(left, 1.0))
        return ", ".join(sorted(task.get_name() for task in pending))


async def _uninterrupted(work: Awaitable[None]) -> None:
    """Carry it out whole, even while cancelled: its own bounds end it."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        with suppress(Exception):
            task.result()
        raise asyncio.CancelledError
    task.result()
