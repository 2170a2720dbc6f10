"""Brings waiting runs of external tasks to the workers that ask for them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from nice_operator.domain.run import HostFacts
from nice_operator.engine import topics
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Store, Wakeups

ELSEWHERE = HostFacts("")
"""Nothing is known of the machine that a worker outside runs on."""

SHORT = timedelta(seconds=5)
"""A shorter timeout may pass before the keeper looks by itself."""


class ExternalDispatcher:
    """One transaction takes for everybody who asks, never more than each asked for."""

    name = "external-dispatcher"

    def __init__(self, store: Store, hub: ExternalHub, wakeups: Wakeups, settings: EngineSettings) -> None:
        self._store = store
        self._hub = hub
        self._wakeups = wakeups
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Take whenever work or requests may have come, and once in a while in any case."""
        async with self._wakeups.subscribe(topics.QUEUE) as woken:
            while True:
                taken = await self._round()
                beat()
                if not taken:
                    await woken.wait(await self._pause())

    async def _pause(self) -> float:
        """Seconds until a job that waits for its time may be taken, if anybody could take it."""
        later = await self._store.next_available() if self._hub.hungry() else None
        return self._settings.poll if later is None else min(self._settings.poll, later.total_seconds())

    async def _round(self) -> int:
        """How many runs were given out."""
        requests = [worker.request() for worker in self._hub.hungry()]
        if not requests:
            return 0
        taken = await self._store.take(requests, ELSEWHERE)
        for claimed in taken:
            await self._hub.deliver(claimed)
            self._wakeups.publish(topics.run(claimed.run.id))
        if taken:
            self._wakeups.publish(topics.RUNS, topics.WORKERS)
        if any(claimed.spec.timeout < SHORT for claimed in taken):
            self._wakeups.publish(topics.HOLDINGS)
        return len(taken)
