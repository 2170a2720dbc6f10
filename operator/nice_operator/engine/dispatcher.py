"""Brings waiting runs to workers that ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from nice_operator.domain.pool import queues_of
from nice_operator.domain.selector import ANY_WORKER, satisfied
from nice_operator.engine import topics
from nice_operator.engine.connection import WorkerConnection
from nice_operator.engine.reports import Reports
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.workers import WorkerHub
from nice_operator.ports import Claimed, ClaimRequest, HeldRun, Store, Wakeups

SETTLED = 0.02
"""Seconds without news after which the dispatcher looks at what will come later: neither the start of what it
has just given out nor the next request shall wait for that."""

MOST_AT_ONCE = 100
"""Runs of one claim. More are claimed by the next one, so that others get their turn in between."""


class Dispatcher:
    """Claims for connections with credit, never more than the credit."""

    name = "dispatcher"

    def __init__(
        self, store: Store, hub: WorkerHub, reports: Reports, wakeups: Wakeups, settings: EngineSettings
    ) -> None:
        self._store = store
        self._hub = hub
        self._reports = reports
        self._wakeups = wakeups
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Claim whenever work or credit may have come, and once in a while in any case."""
        async with self._wakeups.subscribe(topics.QUEUE) as woken:
            while True:
                more = await self._round()
                beat()
                if not more and not await woken.wait(SETTLED):
                    await woken.wait(await self._pause())

    async def _round(self) -> bool:
        """True when there may be more to claim at once."""
        hungry = self._hub.hungry()
        full = await asyncio.gather(*(self._feed(connection) for connection in hungry))
        return any(full)

    async def _pause(self) -> float:
        """Seconds until a run that waits for its time may be claimed, if anybody could take it."""
        later = await self._store.next_available() if self._hub.hungry() else None
        return self._settings.poll if later is None else min(self._settings.poll, later.total_seconds())

    async def _feed(self, connection: WorkerConnection) -> bool:
        free = min(connection.assignable, MOST_AT_ONCE)
        claimed = await self._store.claim(await self._request(connection, free))
        for one in claimed:
            if not connection.assign(one, self._settings.unhandled_errors):
                await self._give_back(connection, one)
            self._wakeups.publish(topics.run(one.run.id))
        if claimed:
            self._wakeups.publish(topics.RUNS, topics.WORKERS)
        return len(claimed) == free and connection.assignable > 0

    async def _give_back(self, connection: WorkerConnection, claimed: Claimed) -> None:
        """The worker left or began to drain while we claimed."""
        await self._reports.release(HeldRun(claimed.run.id, claimed.run.epoch, connection.worker.id))

    async def _request(self, connection: WorkerConnection, free: int) -> ClaimRequest:
        worker = connection.worker
        settings = self._settings
        queues = None if settings.every_pool else queues_of(worker.pool, settings.release_namespace)
        selectors = await self._selectors(connection)
        refused = tuple((version.task_id, version.generation) for version in connection.refusals)
        return ClaimRequest(worker.id, worker.worker, free, queues, selectors, refused)

    async def _selectors(self, connection: WorkerConnection) -> tuple[str, ...]:
        labels = connection.worker.labels
        if not labels:
            return (ANY_WORKER,)
        wanted = await self._store.queued_selectors()
        return tuple({ANY_WORKER} | {text for text in wanted if satisfied(text, labels)})
