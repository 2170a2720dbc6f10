"""Carries out here what was asked elsewhere: stops and drains of workers that are connected to this replica.

Whoever asks writes it to the database and wakes everybody; a wake-up that is lost costs one look.
"""

from __future__ import annotations

from collections.abc import Callable

from nice_operator.engine import topics
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.workforce import Workforce
from nice_operator.ports import Store, Wakeups


class OrderTaker:
    """A service of every replica that is not alone."""

    name = "orders"

    def __init__(
        self, store: Store, workforce: Workforce, wakeups: Wakeups, settings: EngineSettings
    ) -> None:
        self._store = store
        self._workforce = workforce
        self._wakeups = wakeups
        self._settings = settings

    async def run(self, beat: Callable[[], None]) -> None:
        """Look when woken, and once in a while in any case."""
        async with self._wakeups.subscribe(topics.STOPS) as woken:
            while True:
                if not self._workforce.idle:
                    self._workforce.obey(await self._store.orders())
                beat()
                await woken.wait(self._settings.poll)
