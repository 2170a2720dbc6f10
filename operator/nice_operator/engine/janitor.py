"""Deletes history beyond each task's limits; the logs of what is deleted are another's work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from nice_operator.engine.loops import in_batches
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, Store, Term


class Janitor:
    """With the rows it is noted whose logs must go (``log_janitor``): never a run whose log is gone."""

    name = "janitor"

    def __init__(self, store: Store, clock: Clock, settings: EngineSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Tidy up, then rest; a full batch means that there is more."""
        rest = partial(self._clock.sleep, self._settings.prune_every)
        await in_batches(self.tidy, self._settings.prune_batch, rest, beat)

    async def lead(self, term: Term) -> None:
        """The same as a duty: where there are several replicas, one is enough."""
        await self.run(lambda: None)

    async def tidy(self) -> int:
        """One batch; returns how many runs went."""
        return len(await self._store.prune(self._settings.prune_batch))
