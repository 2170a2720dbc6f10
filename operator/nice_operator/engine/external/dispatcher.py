"""Brings waiting runs of external tasks to the workers that ask for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from nice_operator.domain.run import HostFacts
from nice_operator.engine import topics
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import MOST_TAKEN, Claimed, ClaimRequest, Clock, Store, Wakeups

ELSEWHERE = HostFacts("")
"""Nothing is known of the machine that a worker outside runs on."""

LOOK_AHEAD_EVERY = 0.05
"""Seconds between two questions when the next job's time comes: each reads what waits for its time."""

SHORT = timedelta(seconds=5)
"""A shorter timeout may pass before the keeper looks by itself."""


class ExternalDispatcher:
    """One transaction takes for everybody who asks, never more than each asked for. Queues that were found
    empty are not asked again before something is said to have come, however many workers ask."""

    name = "external-dispatcher"

    def __init__(
        self, store: Store, hub: ExternalHub, wakeups: Wakeups, clock: Clock, settings: EngineSettings
    ) -> None:
        self._store = store
        self._hub = hub
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._empty: set[str] = set()
        self._forgot_at = self._looked_at = float("-inf")

    async def run(self, beat: Callable[[], None]) -> None:
        """Take whenever work or requests may have come, and once in a while in any case."""
        async with (
            self._wakeups.subscribe(topics.COMING, topics.QUEUE) as came,
            self._wakeups.subscribe(topics.COMING, topics.QUEUE, topics.ASKED) as woken,
        ):
            while True:
                taken = await self._round()
                beat()
                if not taken and not await woken.wait(await self._pause()):
                    self._forget_empty()
                if await came.wait(0) or self._clock.monotonic() - self._forgot_at >= self._settings.poll:
                    self._forget_empty()

    def _forget_empty(self) -> None:
        """By the clock too: a job whose time comes, or that another server records, may wake nobody here."""
        self._empty.clear()
        self._forgot_at = self._clock.monotonic()

    async def _pause(self) -> float:
        """Seconds until a job that waits for its time may be taken, if anybody could take it."""
        if not self._hub.hungry():
            return self._settings.poll
        wait = self._looked_at + LOOK_AHEAD_EVERY - self._clock.monotonic()
        if wait > 0:
            return wait
        self._looked_at = self._clock.monotonic()
        later = await self._store.next_available()
        return self._settings.poll if later is None else min(self._settings.poll, later.total_seconds())

    async def _round(self) -> int:
        """How many runs were given out."""
        asked = (worker.request() for worker in self._hub.hungry())
        requests = [request for request in asked if not self._empty.issuperset(request.queues or ())]
        if not requests:
            return 0
        taken = await self._store.take(requests, ELSEWHERE)
        self._note_empty(requests, taken)
        for claimed in taken:
            await self._hub.deliver(claimed)
            self._wakeups.publish(topics.run(claimed.run.id))
        if taken:
            self._wakeups.publish(topics.RUNS, topics.WORKERS)
        if any(claimed.spec.timeout < SHORT for claimed in taken):
            self._wakeups.publish(topics.HOLDINGS)
        return len(taken)

    def _note_empty(self, requests: Sequence[ClaimRequest], taken: Sequence[Claimed]) -> None:
        """Who was given less than they asked for has emptied their queues."""
        if len(taken) >= MOST_TAKEN:
            return
        given = Counter(claimed.run.session for claimed in taken)
        for request in requests:
            if given[request.session] < request.free:
                self._empty.update(request.queues or ())
