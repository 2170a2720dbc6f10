"""Leadership with Redis before the database: see docs/adr/0010."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from nice_operator.domain.errors import Unavailable
from nice_operator.lease.ending import end
from nice_operator.lease.redis_lock import RedisLock
from nice_operator.ports import Clock, Leadership, Term

_log = logging.getLogger(__name__)

AWAY_SECONDS = 10.0
"""After a failure Redis is not asked again for so long: each try costs seconds when it is frozen."""


class RedisLeadership:
    """``ports.Leadership``. Whoever finds the key taken does not ask the row; the row alone makes a
    term. So nothing that befalls Redis (gone, frozen, emptied, failed over) makes a second leader or ends a
    term."""

    def __init__(self, lock: RedisLock, row: Leadership, clock: Clock) -> None:
        self._lock = lock
        self._row = row
        self._clock = clock
        self._away_until = 0.0
        self._renewing: asyncio.Task[None] | None = None

    @property
    def ttl(self) -> float:
        """Seconds."""
        return self._row.ttl

    async def take(self) -> Term | None:
        """A term, if nobody has the key, and nobody the row."""
        admitted, term = True, None
        try:
            admitted = await self._admitted()
            if admitted:
                term = await self._row.take()
            return term
        finally:
            if admitted and term is None:  # cancelled too: a key without a term would keep the others waiting
                await self._let_go()

    async def keep(self, term: Term) -> bool:
        """Whether the row is still ours. The key follows when it can, and delays nothing."""
        kept = await self._row.keep(term)
        if kept and self._reachable and (self._renewing is None or self._renewing.done()):
            self._renewing = asyncio.create_task(self._renew(), name="leader's key")
        return kept

    async def leave(self, term: Term) -> None:
        """The row first: whoever gets the key then finds it free."""
        if self._renewing is not None:
            await end([self._renewing])
        await self._row.leave(term)
        await self._let_go()

    @property
    def _reachable(self) -> bool:
        return self._clock.monotonic() >= self._away_until

    async def _admitted(self) -> bool:
        """Whether to ask the row. Without Redis everybody does."""
        if not self._reachable:
            return True
        try:
            return await self._lock.hold()
        except Unavailable as error:
            self._note(error)
            return True

    async def _renew(self) -> None:
        try:
            await self._lock.hold()
        except Unavailable as error:
            self._note(error)

    async def _let_go(self) -> None:
        if self._reachable:
            with suppress(Unavailable):
                await self._lock.release()

    def _note(self, error: Unavailable) -> None:
        self._away_until = self._clock.monotonic() + AWAY_SECONDS
        _log.warning("leadership goes on by the database alone: %s", error)
