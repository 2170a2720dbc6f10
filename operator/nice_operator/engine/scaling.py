"""How many workers a pool should have, and which may go. Pure: facts in, decision out.

It grows at once: waiting runs cost somebody's time. It shrinks calmly: a worker goes when the pool has not
needed it for ``idle``, and only one that holds nothing. It is first asked to take no more work, and only when
its pod says that it is no longer ready does the number of replicas fall, so that Kubernetes takes that pod.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import timedelta

from nice_operator.domain.ids import SessionId
from nice_operator.domain.pool import Pool

SHORT_WAIT = timedelta(seconds=1)
"""A queue that is younger may be worked off by those who are there before another pod would have started."""

SHORTEST_CALM = timedelta(seconds=5)
"""Also with ``idleSeconds: 0`` a pool does not follow each breath of its queue."""


@dataclass(frozen=True, slots=True)
class WorkerFact:
    """A worker of the pool. ``busy``: runs it holds; ``ready``: whether its pod takes part in the pool still
    (None: not known, or no such pod); ``idle``: for how long it has held nothing."""

    session: SessionId
    worker: str
    busy: int
    draining: bool
    ready: bool | None = None
    idle: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Facts:
    """A pool at one moment. ``replicas``: pods that are wanted now; ``idle_pods``: pods that are not ready
    and of which no worker is connected or holds a run (they start, or cannot); ``rolling``: pods of two
    templates are about, so that nobody can tell which pod would go."""

    replicas: int
    queued: int
    oldest: timedelta
    workers: tuple[WorkerFact, ...] = ()
    idle_pods: int = 0
    rolling: bool = False

    @property
    def working(self) -> tuple[WorkerFact, ...]:
        """Those who take runs."""
        return tuple(worker for worker in self.workers if not worker.draining)

    @property
    def leaving(self) -> tuple[WorkerFact, ...]:
        """Those who were asked to take no more."""
        return tuple(worker for worker in self.workers if worker.draining)


@dataclass(frozen=True, slots=True)
class Decision:
    """``replicas`` to ask Kubernetes for, and the workers to ask to take no more work."""

    replicas: int
    drain: tuple[SessionId, ...] = ()


class Needs:
    """What a pool needed lately. Times are seconds of a monotonic clock."""

    def __init__(self, now: float) -> None:
        self._since = now
        self._peaks: deque[tuple[float, int]] = deque()

    def note(self, now: float, needed: int) -> None:
        """``needed`` workers now."""
        while self._peaks and self._peaks[-1][1] <= needed:
            self._peaks.pop()
        self._peaks.append((now, needed))

    def most(self, now: float, window: timedelta) -> int | None:
        """The most that was needed within ``window``; None while that is not known for all of it."""
        begin = now - max(window, SHORTEST_CALM).total_seconds()
        while len(self._peaks) > 1 and self._peaks[0][0] < begin:
            # The first one that follows covers all that is younger.
            self._peaks.popleft()
        return self._peaks[0][1] if self._peaks and self._since <= begin else None


def needed(pool: Pool, facts: Facts) -> int:
    """How many workers the load asks for, within the pool's bounds."""
    busy = sum(worker.busy for worker in facts.working)
    load = busy + facts.queued
    capacity = len(facts.working) * pool.slots
    if capacity and facts.oldest < SHORT_WAIT and facts.queued <= capacity:
        load = min(load, capacity)
    return min(max(-(-load // pool.slots), pool.min), pool.max)


def decide(pool: Pool, facts: Facts, needs: int, most: int | None) -> Decision:
    """What to do. ``needs``: how many are needed now; ``most``: within ``pool.idle`` (None: not known)."""
    gone = [worker for worker in facts.leaving if not worker.busy and worker.ready is False]
    if gone and not _endangered(facts):
        return Decision(max(0, facts.replicas - len(gone)))
    staying = facts.replicas - len(facts.leaving)
    if needs > staying:
        return Decision(needs + len(facts.leaving))
    surplus = staying - max(min(most, pool.max), needs) if most is not None else 0
    if surplus <= 0 or (facts.rolling and needs > 0):
        return Decision(facts.replicas)
    return _shrink(facts, surplus)


def _shrink(facts: Facts, surplus: int) -> Decision:
    """Pods without a worker go first, and cost nothing; then the workers that were idle for longest."""
    pods = 0 if _endangered(facts) else min(surplus, facts.idle_pods)
    idle = sorted((w for w in facts.working if not w.busy), key=lambda w: (-w.idle, w.worker))
    return Decision(facts.replicas - pods, tuple(worker.session for worker in idle[: surplus - pods]))


def _endangered(facts: Facts) -> bool:
    """Whether Kubernetes might take a pod whose worker holds runs: what is not ready goes first."""
    return any(worker.busy and worker.ready is False for worker in facts.workers)
