"""Pools: what the database knows of their load, and what the cluster does for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nice_operator.domain.ids import SessionId
from nice_operator.domain.pool import Pool


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """Claimable runs of one queue that want workers with ``selector`` (canonical; "" any). ``oldest`` is how
    long the first of them has been waiting."""

    queue: str
    selector: str
    queued: int
    oldest: timedelta


@dataclass(frozen=True, slots=True)
class PoolWorker:
    """A worker's open session, heard of lately or holding ``busy`` runs. ``draining``: it was asked to take
    no more work, or said so itself."""

    session: SessionId
    worker: str
    pool: str
    busy: int
    draining: bool


@dataclass(frozen=True, slots=True)
class Holder:
    """A session whose runs are about to be called lost, and whose it is. ``since``: what ended before this
    cannot be the reason."""

    session: SessionId
    worker: str
    pool: str
    since: datetime | None = None


class PoolStore(Protocol):
    """What scaling asks of the database, whatever replica the workers are connected to."""

    async def queue_loads(self) -> Sequence[QueueLoad]:
        """What waits now in the queues of pools."""
        ...

    async def pool_workers(self) -> Sequence[PoolWorker]:
        """Every worker of a pool, by name."""
        ...

    async def ask_to_drain(self, sessions: Collection[SessionId]) -> Sequence[SessionId]:
        """From now on they claim nothing, and whatever replica they are connected to tells them. Those that
        hold a run are left alone. Returns who was asked."""
        ...


class PoolSink(Protocol):
    """Who wants to know which pools there are."""

    def replace(self, pools: Collection[Pool]) -> None:
        """These are all."""
        ...

    def put(self, pool: Pool) -> None:
        """This one is there, and as it says."""
        ...

    def delete(self, namespace: str, name: str) -> None:
        """This one is gone."""
        ...


class PoolNews(Protocol):
    """Who wants to know what the leader says of the pools."""

    def said(self, conditions: Mapping[str, Sequence[PoolCondition]]) -> None:
        """This is all that their status says now, by full name."""
        ...


@dataclass(frozen=True, slots=True)
class PodFact:
    """A pod of a pool. ``ready``: takes part; ``leaving``: is being deleted; ``trouble``: why one of its
    containers does not run, "" when nothing is known to be wrong."""

    name: str
    ready: bool
    leaving: bool
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the cluster makes of a pool. ``replicas``: pods that are wanted, ``ready``: that take part;
    ``rolling``: pods of an older template are about; ``failure``: why pods cannot be made, "" if they can."""

    replicas: int
    ready: int
    rolling: bool
    failure: str = ""


@dataclass(frozen=True, slots=True)
class PoolCondition:
    """One thing said of a pool, in kstatus' words: ``type`` Ready or Stalled."""

    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """What is written to a NiceWorkerPool's status."""

    generation: int
    workers: int
    busy: int
    queued: int
    conditions: tuple[PoolCondition, ...]


class PoolCluster(Protocol):
    """The cluster, as far as pools are concerned. Calls raise Unavailable when it does not answer, and
    InvalidInput, Conflict or Forbidden, in words for the pool's status, when it will not."""

    async def read(self, pool: Pool) -> Deployed | None:
        """None: nothing is deployed."""
        ...

    async def apply(self, pool: Pool, replicas: int) -> None:
        """Make it so."""
        ...

    async def pods(self, pool: Pool) -> Sequence[PodFact]:
        """Its pods now."""
        ...

    async def report(self, pool: Pool, status: PoolStatus) -> None:
        """Write its status; a pool that is gone meanwhile is no error."""
        ...


class Obituaries(Protocol):
    """Why workers are gone, as far as somebody beside the database knows. Best effort: never raises, answers
    within a few seconds, leaves out whom it knows nothing of."""

    async def of(self, holders: Collection[Holder]) -> Mapping[SessionId, str]:
        """By session: a clause for the end of a sentence, as "its container was killed for memory"."""
        ...
