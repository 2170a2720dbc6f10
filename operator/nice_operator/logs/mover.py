"""Lets the database forget lines that CloudWatch keeps.

The lines of an attempt that is over go from the database when the end of its log can be read from CloudWatch,
the end says that no line is missing there, and the lines before it can be read as well. Whatever else is the
case (the worker died before it could say the end, CloudWatch refused lines, the worker does not write there
at all) they stay where they are, until their run is deleted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.logs.events import End
from nice_operator.ports import Clock, EndedLog, LiveLogs, Term

_log = logging.getLogger(__name__)

ROUND_SECONDS = 2.0
PAGE = 200
"""Runs whose logs are looked at together."""
FIRST_LOOK = 5.0
"""Seconds from when an attempt is seen to be over: the last lines take one or two, and a moment later
whatever copy of CloudWatch is asked has them."""
LONGEST_PAUSE = 6 * 3600.0
"""Seconds between two looks for the same end; each pause is twice the one before."""
LOOKS = 100
"""In one round, for the newest runs first: history that was never kept in CloudWatch must not keep the new
logs waiting."""
GIVE_UP = timedelta(days=7)
"""After the run was made. What a worker still has to bring after such a time is read from both places."""
PACE = 0.1
"""Seconds from one question to the next: CloudWatch answers 25 a second for a whole account, readers' too."""
AWAY_PAUSE = 10.0
"""Seconds in which nothing is asked when CloudWatch does not answer."""

Key = tuple[RunId, int]
_Look = tuple[float, float]
"""When to look next, by our own clock, and the pause after that."""


class KeptEnds(Protocol):
    """Where ends can be read: ``CloudWatchLogStore``."""

    async def end(self, namespace: str, task: str, run_id: RunId, attempt: int) -> End | None: ...


class LogMover:
    """A duty of the leader (``ports.Duty``). What it remembers is only when to look next."""

    name = "logs"

    def __init__(self, live: LiveLogs, kept: KeptEnds, clock: Clock) -> None:
        self._live = live
        self._kept = kept
        self._clock = clock
        self._looks: dict[Key, _Look] = {}

    async def lead(self, term: Term) -> None:
        """Round after round."""
        self._looks.clear()
        while True:
            try:
                await self.round()
                await self._clock.sleep(ROUND_SECONDS)
            except Unavailable as away:
                _log.warning("logs stay in the database for now: %s", away)
                await self._clock.sleep(AWAY_PAUSE)

    async def round(self) -> int:
        """Look at every attempt that is over and due; returns of how many the lines were dropped. Raises
        Unavailable."""
        looks = dropped = 0
        before: RunId | None = None
        known, self._looks = self._looks, {}
        while True:
            page = await self._live.ended(before, GIVE_UP, PAGE)
            for log in page.logs:
                if self._due(log, known):
                    looks += 1
                    dropped += await self._look(log)
            if page.next is None or looks >= LOOKS:
                return dropped
            before = page.next

    def _due(self, log: EndedLog, known: Mapping[Key, _Look]) -> bool:
        """Whether to look now; notes when to look next."""
        key, now = (log.run_id, log.attempt), self._clock.monotonic()
        at, pause = known.get(key, (now + FIRST_LOOK, FIRST_LOOK))
        due = now >= at
        self._looks[key] = (now + pause, min(2 * pause, LONGEST_PAUSE)) if due else (at, pause)
        return due

    async def _look(self, log: EndedLog) -> bool:
        end = await self._kept.end(log.namespace, log.task, log.run_id, log.attempt)
        kept = end is not None and is_kept(end, log.last)
        if kept:
            await self._live.drop(log.run_id, log.attempt, log.last)
        await self._clock.sleep(PACE)
        return kept


def is_kept(end: End, last: int) -> bool:
    """Whether a log that ends so has every line up to number ``last``, and can be read up to it."""
    return end.lines >= last and end.readable >= last and not end.gaps and not end.cut
