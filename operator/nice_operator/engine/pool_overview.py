"""What there is to see of the pools, on whichever replica somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from nice_operator.domain.errors import NiceError, NotFound
from nice_operator.domain.pool import DEFAULT_POOL, Pool
from nice_operator.domain.selector import satisfied
from nice_operator.domain.task import EXTERNAL_WORKERS
from nice_operator.engine.pool_report import READY, STALLED
from nice_operator.engine.pools import PoolRegistry
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.topics import WORKERS
from nice_operator.engine.workers import WorkerInfo
from nice_operator.engine.workforce import Workforce
from nice_operator.ports import Clock, Deployed, PoolCluster, PoolCondition, PoolStore, QueueLoad, Wakeups

KEPT_SECONDS = 2.0
"""So long an answer of the cluster is shown to everybody: however many look, it is asked no more often."""
AT_ONCE = 8
"""Questions under way: their connections are those of everything else that asks the cluster."""
PATIENCE = 3.0
"""Seconds for the cluster's answer: whoever looks wants to see the rest."""
LOCAL_NAMESPACE = "default"
"""Where the one pool of a server without a cluster is: tasks without a namespace are there, too."""

Conditions = Mapping[str, Sequence[PoolCondition]]
Answer = Deployed | str | None
"""What the cluster has, or why that cannot be told."""


@dataclass(frozen=True, slots=True)
class PoolView:
    """A pool at one moment. ``pool`` None: it is declared nowhere, the local workers are it. ``workers`` are
    those that are connected, ``oldest`` is how long the first of its ``queued`` runs has waited. ``deployed``
    None: nothing is, or nobody could be asked. ``trouble``: what somebody has to mend, "" for nothing."""

    namespace: str
    name: str
    pool: Pool | None
    workers: tuple[WorkerInfo, ...]
    queued: int
    oldest: timedelta | None
    deployed: Deployed | None = None
    conditions: tuple[PoolCondition, ...] = ()
    trouble: str = ""

    @property
    def slots(self) -> int:
        """Runs that its workers could execute at a time, those that drain left out."""
        return sum(worker.slots for worker in self.workers if not worker.draining)

    @property
    def busy(self) -> int:
        """Runs in its workers' hands."""
        return sum(len(worker.runs) for worker in self.workers)

    @property
    def draining(self) -> int:
        """Workers that take no more work."""
        return sum(worker.draining for worker in self.workers)

    @property
    def condition(self) -> PoolCondition | None:
        """Whether runs can be executed, in the words of the pool's status; None before anybody said."""
        return _of(self.conditions, READY)


class PoolOverview:
    """``cluster`` is where Deployments are (None: there are none). Calls raise Unavailable when the database
    does not answer; a cluster that does not is told in ``trouble``."""

    def __init__(
        self,
        registry: PoolRegistry,
        store: PoolStore,
        workforce: Workforce,
        wakeups: Wakeups,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        self.cluster: PoolCluster | None = None
        self._registry = registry
        self._store = store
        self._workforce = workforce
        self._wakeups = wakeups
        self._clock = clock
        self._local = settings.every_pool
        self._conditions: Conditions = {}
        self._asked: dict[str, tuple[float, asyncio.Task[Answer]]] = {}
        self._few = asyncio.Semaphore(AT_ONCE)

    def said(self, conditions: Conditions) -> None:
        """What the leader wrote into the pools' status, by full name (``ports.PoolNews``)."""
        if conditions != self._conditions:
            self._conditions = conditions
            self._wakeups.publish(WORKERS)

    async def list(self) -> Sequence[PoolView]:
        """All pools by namespace and name."""
        loads = await self._store.queue_loads()
        if self._local:
            return [self._local_one(loads)]
        pools = self._registry.list()
        self._asked = {name: asked for name, asked in self._asked.items() if self._registry.get(name)}
        return await asyncio.gather(*(self._view(pool, loads) for pool in pools))

    async def get(self, namespace: str, name: str) -> PoolView:
        """One pool. Raises NotFound."""
        views = await self.list()
        found = next((view for view in views if (view.namespace, view.name) == (namespace, name)), None)
        if found is None:
            known = tuple(f"{view.namespace}/{view.name}" for view in views[:10])
            raise NotFound(f"there is no worker pool {namespace}/{name}", nearest=known)
        return found

    # ------------------------------------------------------------ parts

    def _local_one(self, loads: Sequence[QueueLoad]) -> PoolView:
        """Every worker of a server that is alone serves every pool."""
        workers = tuple(w for w in self._workforce.list() if w.pool != EXTERNAL_WORKERS)
        trouble = "" if workers or not loads else "runs wait, and no worker is connected"
        return PoolView(LOCAL_NAMESPACE, DEFAULT_POOL, None, workers, *_waiting(loads), trouble=trouble)

    async def _view(self, pool: Pool, loads: Sequence[QueueLoad]) -> PoolView:
        queues = self._registry.queues_of(pool.full_name)
        mine = [load for load in loads if load.queue in queues and satisfied(load.selector, pool.labels)]
        workers = tuple(w for w in self._workforce.list() if w.pool == pool.full_name)
        found = await self._deployment(pool)
        deployed, unread = (None, found) if isinstance(found, str) else (found, "")
        conditions = tuple(self._conditions.get(pool.full_name, ()))
        trouble = pool.stalled or _trouble(conditions, deployed) or unread
        return PoolView(
            pool.namespace, pool.name, pool, workers, *_waiting(mine), deployed, conditions, trouble
        )

    async def _deployment(self, pool: Pool) -> Answer:
        """Whoever looks while the cluster is asked gets the same answer; who leaves takes it from nobody."""
        if self.cluster is None:
            return None
        now = self._clock.monotonic()
        at, answer = self._asked.get(pool.full_name, (now, None))
        if answer is None or (answer.done() and now - at > KEPT_SECONDS):
            answer = asyncio.create_task(self._read(self.cluster, pool))
            self._asked[pool.full_name] = (now, answer)
        return await asyncio.shield(answer)

    async def _read(self, cluster: PoolCluster, pool: Pool) -> Answer:
        try:
            async with asyncio.timeout(PATIENCE), self._few:
                return await cluster.read(pool)
        except NiceError as error:
            return str(error)
        except TimeoutError:
            return f"its Deployment is unknown: Kubernetes' API does not answer within {PATIENCE:g} s"


def _waiting(loads: Sequence[QueueLoad]) -> tuple[int, timedelta | None]:
    return sum(load.queued for load in loads), max((load.oldest for load in loads), default=None)


def _trouble(conditions: Iterable[PoolCondition], deployed: Deployed | None) -> str:
    """The leader's words come first: they name the remedy."""
    stalled, ready = _of(conditions, STALLED), _of(conditions, READY)
    if stalled is not None and stalled.status:
        return stalled.message
    if deployed is not None and deployed.failure:
        return f"Kubernetes makes no pods: {deployed.failure}"
    return ready.message if ready is not None and ready.reason == "PodsFailing" else ""


def _of(conditions: Iterable[PoolCondition], kind: str) -> PoolCondition | None:
    return next((each for each in conditions if each.type == kind), None)
