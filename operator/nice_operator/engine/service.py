"""The engine: its services wired to the ports, started and stopped as one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from nice_operator.engine.dispatcher import Dispatcher
from nice_operator.engine.janitor import Janitor
from nice_operator.engine.logs import LogService
from nice_operator.engine.loops import Health, Loop, Service
from nice_operator.engine.reaper import Reaper
from nice_operator.engine.reports import Reports
from nice_operator.engine.runs import RunService
from nice_operator.engine.scheduler import Scheduler
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.tasks import TaskService
from nice_operator.engine.topics import WORKERS
from nice_operator.engine.workers import WorkerHub
from nice_operator.ports import Clock, Liveness, LogStore, Store, Wakeups


class Engine:
    """``tasks``, ``runs``, ``logs`` and ``workers`` are what doors call; they work from construction on.
    ``start`` sets the loops going, ``drain`` lets running work end, ``stop`` ends everything of its own."""

    def __init__(
        self,
        store: Store,
        logs: LogStore,
        wakeups: Wakeups,
        liveness: Liveness,
        clock: Clock,
        settings: EngineSettings | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings = settings or EngineSettings()
        self.store = store
        self.wakeups = wakeups
        self.clock = clock
        writing = asyncio.Lock()
        reports = Reports(store, logs, wakeups, jitter)
        self.workers = WorkerHub(store, reports, wakeups, clock, settings)
        self.tasks = TaskService(store, self.workers, wakeups, settings, writing)
        self.runs = RunService(store, self.workers, wakeups, clock, settings)
        self.logs = LogService(store, logs, wakeups, settings)
        giving: list[Service] = [
            Scheduler(store, self.workers, wakeups, settings, writing),
            Dispatcher(store, self.workers, reports, wakeups, settings),
        ]
        tidying: list[Service] = [
            Reaper(store, liveness, wakeups, clock, settings),
            Janitor(store, logs, clock, settings),
        ]
        self._giving = [Loop(service, clock) for service in giving]
        self._tidying = [Loop(service, clock) for service in tidying]

    async def start(self) -> None:
        """Begin to fire, to give out work and to tidy up; a server that only shows does none of it."""
        if not self.settings.view_only:
            for loop in self._loops:
                await loop.start()

    async def drain(self, timeout: float) -> bool:
        """Give out no more work, ask the workers to finish, and wait until they have, or for ``timeout``
        seconds. Returns whether nothing runs any more. What is queued stays queued."""
        for loop in self._giving:
            await loop.stop()
        deadline = self.clock.monotonic() + timeout
        async with self.wakeups.subscribe(WORKERS) as changed:
            self.workers.drain_all()
            while self.workers.busy:
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    return False
                await changed.wait(min(left, self.settings.poll))
        return True

    async def stop(self) -> None:
        """End the loops and the connections. Workers keep their runs and come back to the next operator."""
        for loop in self._loops:
            await loop.stop()
        await self.workers.close()

    def health(self) -> Mapping[str, bool]:
        """Whether each loop is well, by name; empty before the start."""
        return {health.name: health.failures == 0 for health in self.services() if health.running}

    def services(self) -> Sequence[Health]:
        """How each loop does, in detail."""
        return [loop.health() for loop in self._loops]

    @property
    def _loops(self) -> Sequence[Loop]:
        return [*self._giving, *self._tidying]
