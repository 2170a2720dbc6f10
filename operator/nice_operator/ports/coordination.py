"""Replicas, workers and time: who leads, who lives, who is to be woken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from nice_operator.domain.ids import RunId, SessionId


class Subscription(Protocol):
    """Wakes its holder; several publications while nobody waits are one."""

    async def wait(self, timeout: float | None) -> bool:
        """True when something was published since the last wait, False after ``timeout`` seconds."""
        ...


LOCAL_TOPICS = frozenset({"holdings", "coming", "asked"})
"""Topics that concern one server alone: nothing of them is told to others."""


class Wakeups(Protocol):
    """A hint that something changed. Losing one costs time, never correctness: everybody also polls.

    Topics: ``queue`` (work may be claimable), ``tasks``, ``due`` (schedules changed), ``run:<id>``
    (state or log of that run), ``end:<id>`` (it became final), ``runs`` (any run), ``workers``, ``leader``
    (nobody leads now), ``stops`` (workers are to be told something).
    """

    @property
    def hears_others(self) -> bool | None:
        """Whether other replicas can be heard now; None: there is nothing to hear them by."""
        ...

    def publish(self, *topics: str) -> None: ...

    def subscribe(self, *topics: str) -> AbstractAsyncContextManager[Subscription]: ...


class Liveness(Protocol):
    """What is known of worker sessions beside their lease (dev mode: the local worker's lock)."""

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        """(dead, alive) among ``sessions``; the rest is left to the lease."""
        ...


@dataclass(frozen=True, slots=True)
class Term:
    """One leadership of one replica. ``number`` grows with each, whoever leads."""

    number: int
    holder: str


@dataclass(frozen=True, slots=True)
class Lead:
    """The newest term, since when, and whether it ``lasts`` by the database's clock."""

    term: Term
    since: datetime
    lasts: bool


class LeaderStore(Protocol):
    """The database's word on who leads. It decides, whatever anybody else says. ``life`` is one life of one
    process; everybody asks for the same ``ttl``."""

    async def take_lead(self, holder: str, life: UUID, ttl: timedelta) -> Term | None:
        """A new term, with a number greater than any before, when the last one is over; else None."""
        ...

    async def keep_lead(self, term: Term, life: UUID, ttl: timedelta) -> bool:
        """Another ``ttl`` from now. False: somebody else leads."""
        ...

    async def leave_lead(self, term: Term, life: UUID) -> None:
        """Over now, so that nobody has to wait for its end."""
        ...

    async def lead(self) -> Lead | None:
        """The newest term; None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class Replica:
    """A server on the same database. ``id`` is one life of it; ``roster`` what it says of its workers, in its
    own words, since ``told_at`` (None: not asked for)."""

    id: UUID
    name: str
    started_at: datetime
    seen_at: datetime
    told_at: datetime
    roster: str | None


@dataclass(frozen=True, slots=True)
class Orders:
    """What workers are to be told, whichever replica they are connected to: the held runs that somebody asked
    to stop, and the open sessions that are to take no more work."""

    stops: frozenset[RunId]
    drains: frozenset[SessionId]


class ReplicaStore(Protocol):
    """What replicas know of each other."""

    async def tell_replica(self, replica: UUID, name: str, roster: str | None) -> None:
        """It is there; ``roster`` None: as it told last."""
        ...

    async def forget_replica(self, replica: UUID) -> None:
        """It ends."""
        ...

    async def replicas(self, within: timedelta, known: Mapping[UUID, datetime]) -> Sequence[Replica]:
        """Those heard of ``within`` that time, the oldest first. Rosters whose ``told_at`` is ``known`` are
        left out."""
        ...

    async def orders(self) -> Orders:
        """What workers are to be told."""
        ...

    async def ask_drain(self, session: SessionId) -> None:
        """The session is to take no more work. Raises NotFound when it is closed or unknown."""
        ...


class Leadership(Protocol):
    """How one replica comes to lead. Calls raise Unavailable when nobody can be asked."""

    @property
    def ttl(self) -> float:
        """Seconds for which a term lasts, counted from when ``take`` or ``keep`` was called. Whoever leads
        must have ended before."""
        ...

    async def take(self) -> Term | None:
        """A term, if nobody else leads."""
        ...

    async def keep(self, term: Term) -> bool:
        """Whether the term goes on."""
        ...

    async def leave(self, term: Term) -> None:
        """End it early. Fails silently: it ends by itself."""
        ...


class Duty(Protocol):
    """What only the replica that leads does."""

    @property
    def name(self) -> str:
        """What it is called in logs and health."""
        ...

    async def lead(self, term: Term) -> None:
        """Work until cancelled, which ends the term: nothing may be begun after that. What it raises is
        logged, and it is called again while the term lasts."""
        ...


class Clock(Protocol):
    """Waiting and measuring, never deciding."""

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
