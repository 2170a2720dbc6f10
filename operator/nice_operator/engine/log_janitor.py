"""Deletes the logs of runs that are deleted. Apart from the janitor, so that logs which are kept elsewhere,
slowly or not at all for a while, never keep history from going."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nice_operator.engine.loops import in_batches
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, LogStore, Store, Term

BATCH = 100
"""Runs at a time: a service that takes ten deletions a second is through with it in ten seconds."""


class LogJanitor:
    """What is noted stays noted until it is deleted, over crashes and outages of either side."""

    name = "log janitor"

    def __init__(self, store: Store, logs: LogStore, clock: Clock, settings: EngineSettings) -> None:
        self._store = store
        self._logs = logs
        self._clock = clock
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Delete, then rest; a full batch means that there is more."""
        await in_batches(self.tidy, BATCH, partial(self._clock.sleep, self._settings.prune_every), beat)

    async def lead(self, term: Term) -> None:
        """The same as a duty: where there are several replicas, one is enough."""
        await self.run(lambda: None)

    async def tidy(self) -> int:
        """One batch; returns of how many runs the logs went. Raises Unavailable."""
        orphaned = await self._store.orphaned_logs(BATCH)
        if orphaned:
            await self._logs.delete(orphaned)
            await self._store.forget_orphaned([logs.run_id for logs in orphaned])
        return len(orphaned)
