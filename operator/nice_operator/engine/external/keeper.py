"""Watches over what workers outside hold: leases, deadlines, requests to stop, and workers that do not come
back. The database decides each of these ends; this only asks in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import Outcome
from nice_operator.engine import topics
from nice_operator.engine.external import ends
from nice_operator.engine.external.hub import ExternalHub, Parted
from nice_operator.engine.holdings import Holding
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, Store, Wakeups

SOONEST = 0.01
"""Seconds between two looks at least."""


class ExternalKeeper:
    """An open socket is a lease: the leases of its runs are renewed for as long as it is open."""

    name = "external-keeper"

    def __init__(
        self, store: Store, hub: ExternalHub, wakeups: Wakeups, clock: Clock, settings: EngineSettings
    ) -> None:
        self._store = store
        self._hub = hub
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._renew_at = 0.0

    async def run(self, beat: Callable[[], None]) -> None:
        """Look whenever something is due, or somebody asked to stop a run."""
        async with self._wakeups.subscribe(topics.HOLDINGS) as woken:
            while True:
                pause = await self._round()
                beat()
                await woken.wait(pause)

    async def _round(self) -> float:
        """Seconds until something may be due again."""
        pause = self._settings.poll
        if self._hub.busy:
            pause = min(pause, await self._end_due())
            await self._renew()
        if self._hub.parted:
            pause = min(pause, await self._settle_parted())
        return max(pause, SOONEST)

    async def _end_due(self) -> float:
        """End what somebody asked to stop, and what has run for too long; seconds until the next deadline."""
        now = await self._store.now()
        due = [(h, outcome) for h in self._hub.holdings() if (outcome := _due(h, now)) is not None]
        await asyncio.gather(*(self._hub.end(holding, outcome) for holding, outcome in due))
        deadlines = (h.claimed.run.deadline_at for h in self._hub.holdings())
        return min(((at - now).total_seconds() for at in deadlines if at is not None), default=float("inf"))

    async def _renew(self) -> None:
        if self._clock.monotonic() < self._renew_at:
            return
        held: dict[SessionId, list[Holding]] = {}
        for holding in self._hub.holdings():
            held.setdefault(holding.held.session, []).append(holding)
        await asyncio.gather(*(self._renew_session(*item) for item in held.items()))
        self._renew_at = self._clock.monotonic() + self._settings.heartbeat

    async def _renew_session(self, session: SessionId, holdings: list[Holding]) -> None:
        reply = await self._store.heartbeat(session, [holding.held for holding in holdings])
        self._hub.lose(reply.lost)
        for held in reply.cancelled:
            self._hub.cancel(held.id)

    async def _settle_parted(self) -> float:
        """Give up waiting for workers that have been gone for too long; seconds until the next one is."""
        wait = self._settings.reconnect_wait
        pause = wait
        for session, parted in tuple(self._hub.parted.items()):
            left = parted.since + wait - self._clock.monotonic()
            if parted.holdings and left > 0:
                pause = min(pause, left)
            else:
                await self._settle(session, parted)
        return pause

    async def _settle(self, session: SessionId, parted: Parted) -> None:
        await asyncio.gather(
            *(self._hub.end(holding, parted.outcome()) for holding in tuple(parted.holdings))
        )
        await self._store.close_session(session)
        self._hub.parted.pop(session, None)


def _due(holding: Holding, now: datetime) -> Outcome | None:
    """How it ends now, if it does."""
    deadline = holding.claimed.run.deadline_at
    if holding.cancel_requested:
        return ends.cancelled()
    if deadline is not None and deadline <= now:
        return ends.timed_out(holding.claimed.spec.timeout)
    return None
