"""Frees runs whose worker is gone, and those that nobody ended in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import SessionId
from nice_operator.engine import topics
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Clock, Liveness, Obituaries, Reaped, Store, Wakeups


class Reaper:
    """After an outage of the database every lease looks expired, so for a while only sessions that are known
    to be dead are reaped: each living worker gets the chance of a heartbeat first. A start counts as an
    outage."""

    name = "reaper"

    def __init__(
        self,
        store: Store,
        liveness: Liveness,
        wakeups: Wakeups,
        clock: Clock,
        settings: EngineSettings,
        obituaries: Obituaries | None = None,
    ) -> None:
        self._store = store
        self._liveness = liveness
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._obituaries = obituaries
        self._access_since = clock.monotonic()

    async def run(self, beat: Callable[[], None]) -> None:
        """Look again and again."""
        self._access_since = self._clock.monotonic()
        while True:
            await self._watched_round()
            beat()
            await self._clock.sleep(self._settings.reap_every)

    async def _watched_round(self) -> None:
        try:
            await self._round()
        except Unavailable:
            self._access_since = self._clock.monotonic()
            raise

    @property
    def quiet(self) -> bool:
        """Whether leases are not judged yet."""
        return self._clock.monotonic() - self._access_since < self._settings.quiet

    async def _round(self) -> None:
        sessions = await self._store.active_sessions()
        dead, alive = await self._liveness.judge(sessions)
        if self.quiet:
            if not dead:
                return
            alive = sessions - dead
        self._tell(await self._store.reap(dead, alive, await self._told(dead, alive)))

    async def _told(self, dead: frozenset[SessionId], alive: frozenset[SessionId]) -> Mapping[SessionId, str]:
        """What somebody beside the database knows of those whose runs are about to be called lost."""
        if self._obituaries is None:
            return {}
        doomed = await self._store.doomed(dead, alive)
        return await self._obituaries.of(doomed) if doomed else {}

    def _tell(self, reaped: Sequence[Reaped]) -> None:
        for one in reaped:
            self._wakeups.publish(topics.run(one.run_id))
            if one.state.final:
                self._wakeups.publish(topics.end(one.run_id))
        if reaped:
            self._wakeups.publish(topics.QUEUE, topics.RUNS, topics.TASKS)
