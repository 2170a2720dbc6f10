"""Leadership by the database's row alone."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

from nice_operator.domain.errors import Unavailable
from nice_operator.ports import LeaderStore, Term

TTL = 10.0
"""Seconds that a term lasts without being kept. The same for every replica."""


class RowLeadership:
    """``ports.Leadership``: the row is the lease. Another replica can begin a term only when the row's time
    is over, which begins to count later than the holder's own, so never before the holder has given up."""

    def __init__(
        self, store: LeaderStore, holder: str, *, ttl: float = TTL, life: UUID | None = None
    ) -> None:
        self._store = store
        self._holder = holder
        self._ttl = ttl
        self.life = life or uuid4()

    @property
    def ttl(self) -> float:
        """Seconds."""
        return self._ttl

    async def take(self) -> Term | None:
        """A term, if the last one is over. Raises Unavailable."""
        return await self._store.take_lead(self._holder, self.life, self._span)

    async def keep(self, term: Term) -> bool:
        """Whether it goes on. Raises Unavailable."""
        return await self._store.keep_lead(term, self.life, self._span)

    async def leave(self, term: Term) -> None:
        """Let somebody else begin now rather than at its end."""
        try:
            await self._store.leave_lead(term, self.life)
        except Unavailable:
            return

    @property
    def _span(self) -> timedelta:
        return timedelta(seconds=self._ttl)
