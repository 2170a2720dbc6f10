"""Keeps the pools' workers as many as their load asks for (a duty of the leader), and says how they do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from nice_operator.domain.errors import NiceError, Unavailable
from nice_operator.domain.ids import SessionId
from nice_operator.domain.pool import Pool
from nice_operator.domain.selector import satisfied
from nice_operator.engine import topics
from nice_operator.engine.pool_report import Seen, report_of
from nice_operator.engine.pools import PoolRegistry
from nice_operator.engine.scaling import Decision, Facts, Needs, WorkerFact, decide, needed
from nice_operator.ports import (
    Clock,
    Deployed,
    PodFact,
    PoolCluster,
    PoolStatus,
    PoolStore,
    PoolWorker,
    QueueLoad,
    Term,
    Wakeups,
)

_log = logging.getLogger(__name__)

SHORTEST_ROUND = 1.0
LONGEST_ROUND = 2.0
"""Seconds between two looks at the load: at least, and at most while nobody wakes us."""
LOOK_EVERY = 10.0
"""Seconds after which a pool that is at rest is compared with what the cluster has."""
APPLY_EVERY = 60.0
"""Seconds after which its Deployment is applied again, whoever may have changed it."""
REPORT_EVERY = 2.0
"""Seconds between two writes of one status."""
REST_AFTER_FAILURE = 10.0
_NOTHING = timedelta(0)


@dataclass
class _Kept:
    """What is remembered of a pool during a term. Times are seconds of the monotonic clock."""

    needs: Needs
    seen: Pool
    applied: Pool | None = None
    wanted: int = 0
    applied_at: float = 0.0
    deployed: Deployed | None = None
    looked_at: float | None = None
    pods: Sequence[PodFact] | None = None
    reported: PoolStatus | None = None
    reported_at: float = 0.0
    resting_until: float = 0.0
    refusal: str = ""
    idle_since: dict[SessionId, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Load:
    """What the database knows of a pool now."""

    queued: int
    oldest: QueueLoad | None
    workers: tuple[PoolWorker, ...]


class PoolKeeper:
    """See the module. Nothing here is remembered beyond a term: the next leader looks anew, and shrinks
    nothing before it has seen for itself that a pool was idle."""

    name = "pools"

    def __init__(
        self, registry: PoolRegistry, store: PoolStore, cluster: PoolCluster, wakeups: Wakeups, clock: Clock
    ) -> None:
        self._registry = registry
        self._store = store
        self._cluster = cluster
        self._wakeups = wakeups
        self._clock = clock
        self._kept: dict[str, _Kept] = {}

    async def lead(self, term: Term) -> None:
        """Look and act until the term ends."""
        self._kept = {}
        async with self._wakeups.subscribe(topics.QUEUE) as woken:
            while True:
                await self.round()
                await self._clock.sleep(SHORTEST_ROUND)
                await woken.wait(LONGEST_ROUND - SHORTEST_ROUND)

    async def round(self) -> None:
        """Look at every pool once. One that fails keeps no other from its turn. Raises Unavailable when the
        database does not answer."""
        pools = self._registry.list()
        if not pools:
            return
        loads, workers = await self._store.queue_loads(), await self._store.pool_workers()
        self._kept = {pool.uid: self._kept_of(pool) for pool in pools}
        for pool in pools:
            kept = self._kept[pool.uid]
            if self._clock.monotonic() < kept.resting_until:
                continue
            try:
                await self._keep(pool, kept, self._load_of(pool, loads, workers))
            except Unavailable as error:
                kept.resting_until = self._clock.monotonic() + REST_AFTER_FAILURE
                _log.warning("worker pool %s waits: %s", pool.full_name, error)
            except NiceError as error:
                kept.resting_until = self._clock.monotonic() + REST_AFTER_FAILURE
                _log.warning("worker pool %s cannot be reported on: %s", pool.full_name, error)

    def _kept_of(self, pool: Pool) -> _Kept:
        """Whoever changed a pool that failed may have mended it."""
        kept = self._kept.get(pool.uid) or _Kept(Needs(self._clock.monotonic()), pool)
        if kept.seen != pool:
            kept.seen, kept.resting_until = pool, 0.0
        return kept

    def _load_of(self, pool: Pool, loads: Sequence[QueueLoad], workers: Sequence[PoolWorker]) -> _Load:
        """Runs that want labels the pool does not have wait for nobody here."""
        queues = self._registry.queues_of(pool.full_name)
        mine = [load for load in loads if load.queue in queues and satisfied(load.selector, pool.labels)]
        oldest = max(mine, key=lambda load: load.oldest, default=None)
        own = tuple(worker for worker in workers if worker.pool == pool.full_name)
        return _Load(sum(load.queued for load in mine), oldest, own)

    # ------------------------------------------------------------ one pool

    async def _keep(self, pool: Pool, kept: _Kept, load: _Load) -> None:
        if pool.stalled:
            kept.refusal = pool.stalled
        else:
            await self._scale(pool, kept, load)
        await self._report(pool, kept, load)

    async def _scale(self, pool: Pool, kept: _Kept, load: _Load) -> None:
        now = self._clock.monotonic()
        try:
            await self._look(pool, kept, load)
            facts = self._facts(kept, load)
            needs = needed(pool, facts)
            kept.needs.note(now, needs)
            most = kept.needs.most(now, pool.idle)
            await self._act(pool, kept, facts, decide(pool, facts, needs, most))
            kept.refusal = ""
        except Unavailable:
            raise
        except NiceError as refusal:
            kept.looked_at, kept.refusal = None, str(refusal)
            kept.resting_until = now + REST_AFTER_FAILURE

    async def _look(self, pool: Pool, kept: _Kept, load: _Load) -> None:
        """At what the cluster has, if that may have changed."""
        now = self._clock.monotonic()
        rested = kept.looked_at is None or now - kept.looked_at >= LOOK_EVERY
        if not rested and not self._unsettled(pool, kept, load):
            return
        kept.deployed = await self._cluster.read(pool)
        kept.pods = await self._cluster.pods(pool) if kept.deployed else ()
        kept.looked_at = now

    def _unsettled(self, pool: Pool, kept: _Kept, load: _Load) -> bool:
        """Whether something is under way: then each round needs to know."""
        deployed = kept.deployed
        if deployed is None or kept.applied != pool or deployed.rolling or deployed.failure:
            return True
        at_work = sum(not worker.draining for worker in load.workers)
        return (
            any(worker.draining for worker in load.workers)
            or at_work != deployed.replicas
            or deployed.ready != deployed.replicas
            or self._may_shrink(pool, kept, deployed)
        )

    def _may_shrink(self, pool: Pool, kept: _Kept, deployed: Deployed) -> bool:
        most = kept.needs.most(self._clock.monotonic(), pool.idle)
        return most is not None and deployed.replicas > max(most, pool.min)

    def _facts(self, kept: _Kept, load: _Load) -> Facts:
        """The database's workers and the cluster's pods, put together by name. Who has no pod that stays is
        about to leave anyway, or is none of ours."""
        now = self._clock.monotonic()
        idle = {worker.session for worker in load.workers if not worker.busy}
        kept.idle_since = {session: kept.idle_since.get(session, now) for session in idle}
        pods = {pod.name: pod for pod in kept.pods or () if not pod.leaving}
        workers = tuple(
            _fact(worker, pods[worker.worker], now - kept.idle_since.get(worker.session, now))
            for worker in load.workers
            if worker.worker in pods
        )
        known = {worker.worker for worker in workers}
        return Facts(
            replicas=kept.deployed.replicas if kept.deployed else 0,
            queued=load.queued,
            oldest=load.oldest.oldest if load.oldest else _NOTHING,
            workers=workers,
            idle_pods=sum(not pod.ready and name not in known for name, pod in pods.items()),
            rolling=kept.deployed.rolling if kept.deployed else False,
        )

    async def _act(self, pool: Pool, kept: _Kept, facts: Facts, decision: Decision) -> None:
        now = self._clock.monotonic()
        if decision.drain:
            asked = await self._store.ask_to_drain(decision.drain)
            self._wakeups.publish(topics.STOPS)
            _log.info("worker pool %s has no need of %d workers: they drain", pool.full_name, len(asked))
        stale = now - kept.applied_at >= APPLY_EVERY
        if kept.applied == pool and decision.replicas == facts.replicas and kept.deployed and not stale:
            return
        if decision.replicas != facts.replicas:
            text = "worker pool %s: %d workers wanted instead of %d (%d runs wait)"
            _log.info(text, pool.full_name, decision.replicas, facts.replicas, facts.queued)
        await self._cluster.apply(pool, decision.replicas)
        kept.applied, kept.applied_at, kept.looked_at = pool, now, None

    # ------------------------------------------------------------ telling

    async def _report(self, pool: Pool, kept: _Kept, load: _Load) -> None:
        seen = Seen(
            workers=sum(not worker.draining for worker in load.workers),
            busy=sum(worker.busy for worker in load.workers),
            queued=load.queued,
            deployed=kept.deployed,
            trouble=next((pod.trouble for pod in kept.pods or () if pod.trouble), ""),
            refusal=kept.refusal,
        )
        status = report_of(pool, seen)
        now = self._clock.monotonic()
        if status == kept.reported or (kept.reported and now - kept.reported_at < REPORT_EVERY):
            return
        await self._cluster.report(pool, status)
        kept.reported, kept.reported_at = status, now


def _fact(worker: PoolWorker, pod: PodFact, idle: float) -> WorkerFact:
    return WorkerFact(
        worker.session, worker.worker, worker.busy, worker.draining, pod.ready, timedelta(seconds=idle)
    )
