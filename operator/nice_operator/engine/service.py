"""The engine: its services wired to the ports, started and stopped as one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from nice_operator.engine.ahead import LookAhead
from nice_operator.engine.dispatcher import Dispatcher
from nice_operator.engine.endings import Endings
from nice_operator.engine.external.dispatcher import ExternalDispatcher
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.external.keeper import ExternalKeeper
from nice_operator.engine.external.liveness import SocketsAreLeases
from nice_operator.engine.janitor import Janitor
from nice_operator.engine.jobs import JobService
from nice_operator.engine.leading import Leading
from nice_operator.engine.log_janitor import LogJanitor
from nice_operator.engine.logs import LogService
from nice_operator.engine.loops import Health, Loop, Service
from nice_operator.engine.orders import OrderTaker
from nice_operator.engine.pool_overview import PoolOverview
from nice_operator.engine.pools import PoolRegistry
from nice_operator.engine.reaper import Reaper
from nice_operator.engine.reports import Reports
from nice_operator.engine.roster import Roster
from nice_operator.engine.runs import RunService
from nice_operator.engine.scheduler import Scheduler
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.tasks import TaskService
from nice_operator.engine.topics import WORKERS
from nice_operator.engine.undeclared import Undeclared
from nice_operator.engine.workers import WorkerHub
from nice_operator.engine.workforce import Workforce
from nice_operator.ports import (
    Clock,
    Duty,
    Lead,
    Leadership,
    Liveness,
    LogStore,
    Obituaries,
    Store,
    Wakeups,
)


class Engine:
    """``leadership`` None: this server is alone, there is nothing to lead. ``duties`` are the leader's.
    ``obituaries``: whoever knows why workers are gone.

    ``tasks``, ``runs``, ``jobs``, ``logs``, ``workers`` (of pools), ``external`` (workers outside),
    ``workforce`` (both), ``pools`` and ``pool_overview`` are what doors call; they work from construction on.
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
        leadership: Leadership | None = None,
        duties: Sequence[Duty] = (),
        obituaries: Obituaries | None = None,
    ) -> None:
        self.settings = settings = settings or EngineSettings()
        self.store = store
        self.wakeups = wakeups
        self.clock = clock
        writing = asyncio.Lock()
        endings = Endings()
        reports = Reports(store, logs, wakeups, jitter, endings, obituaries)
        self.workers = WorkerHub(store, reports, wakeups, clock, settings)
        self.external = ExternalHub(store, reports, wakeups, clock, settings)
        self.workforce = Workforce(self.workers, self.external, store, wakeups)
        self.roster = Roster(store, self.workforce.here, wakeups, clock, settings.replica)
        self.pools = PoolRegistry(settings.release_namespace)
        self.pool_overview = PoolOverview(self.pools, store, self.workforce, wakeups, clock, settings)
        self.tasks = TaskService(store, self.workforce, wakeups, settings, writing, self.pools)
        self.runs = RunService(store, self.workforce, wakeups, clock, settings, endings)
        undeclared = Undeclared(store, self.tasks, settings)
        self.jobs = JobService(store, self.tasks, self.external, undeclared, wakeups, clock, settings)
        self.logs = LogService(store, logs, wakeups, settings)
        giving: list[Service] = [
            Scheduler(store, self.workforce, wakeups, settings, writing),
            LookAhead(store, clock),
            Dispatcher(store, self.workers, reports, wakeups, settings),
            ExternalDispatcher(store, self.external, wakeups, clock, settings),
        ]
        janitors = (Janitor(store, clock, settings), LogJanitor(store, logs, clock, settings))
        self.leading = None
        if leadership is not None:
            self.leading = Leading(leadership, (*janitors, *duties), wakeups, clock)
        tidying: list[Service] = [
            Reaper(store, SocketsAreLeases(liveness, self.external), wakeups, clock, settings, obituaries),
            *(janitors if self.leading is None else [self.leading]),
            ExternalKeeper(store, self.external, wakeups, clock, settings),
        ]
        if not settings.only_server:
            tidying += [self._among_replicas(), OrderTaker(store, self.workforce, wakeups, settings)]
        self._giving = [Loop(service, clock) for service in giving]
        self._tidying = [Loop(service, clock) for service in tidying]
        self._reading: list[Loop] = []

    def _among_replicas(self) -> Roster:
        """Workers of other replicas count from now on."""
        self.workforce.elsewhere = self.roster.elsewhere
        self.external.elsewhere = self.roster.names
        return self.roster

    def take_on(self, services: Sequence[Service] = (), duties: Sequence[Duty] = ()) -> None:
        """What the edges bring: services of every replica, which only read and run in one that only
        shows too; duties of the one that leads. Before the start."""
        self._reading += [Loop(service, self.clock) for service in services]
        if self.leading is not None:
            self.leading.take_on(duties)

    async def start(self) -> None:
        """Begin to fire, to give out work and to tidy up; a server that only shows just reads."""
        if not self.settings.view_only:
            await self.external.recall()
        for loop in self._reading if self.settings.view_only else self._loops:
            await loop.start()

    async def drain(self, timeout: float) -> bool:
        """Take no more requests, give out no more work, ask the workers to finish, and wait until they have,
        or for ``timeout`` seconds. Returns whether nothing runs any more. What is queued stays queued."""
        self.runs.refuse_new()
        for loop in self._giving:
            await loop.stop()
        deadline = self.clock.monotonic() + timeout
        async with self.wakeups.subscribe(WORKERS) as changed:
            self.workers.drain_all()
            while self.workforce.busy:
                left = deadline - self.clock.monotonic()
                if left <= 0:
                    return False
                await changed.wait(min(left, self.settings.poll))
        return True

    async def interrupt_external(self) -> None:
        """Hand back what workers outside hold, so that it runs again."""
        await self.external.interrupt()

    async def stop(self) -> None:
        """End the loops and the connections. Workers keep their runs and come back to the next operator."""
        for loop in self._loops:
            await loop.stop()
        await self.external.close()
        await self.workers.close()

    def health(self) -> Mapping[str, bool]:
        """Whether each loop is well, by name; empty before the start."""
        return {health.name: health.failures == 0 for health in self.services() if health.running}

    async def lead(self) -> Lead | None:
        """Who leads, or led last; None when nobody ever did. Raises Unavailable."""
        return await self.store.lead()

    def services(self) -> Sequence[Health]:
        """How each loop does, in detail."""
        return [loop.health() for loop in self._loops]

    @property
    def _loops(self) -> Sequence[Loop]:
        return [*self._giving, *self._tidying, *self._reading]
