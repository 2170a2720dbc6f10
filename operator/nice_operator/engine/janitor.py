"""Deletes history beyond each task's limits, rows first, then their logs."""

from __future__ import annotations

from collections.abc import Callable

from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, LogStore, Store, Term


class Janitor:
    """A crash between rows and logs leaves logs that nobody refers to: harmless, and never the other way
    round (a run whose log is gone)."""

    name = "janitor"

    def __init__(self, store: Store, logs: LogStore, clock: Clock, settings: EngineSettings) -> None:
        self._store = store
        self._logs = logs
        self._clock = clock
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Tidy up, then rest; a full batch means that there is more."""
        while True:
            deleted = await self.tidy()
            beat()
            if deleted < self._settings.prune_batch:
                await self._clock.sleep(self._settings.prune_every)

    async def lead(self, term: Term) -> None:
        """The same as a duty: where there are several replicas, one is enough."""
        await self.run(lambda: None)

    async def tidy(self) -> int:
        """One batch; returns how many runs went."""
        runs = await self._store.prune(self._settings.prune_batch)
        if runs:
            await self._logs.delete(runs)
        return len(runs)
