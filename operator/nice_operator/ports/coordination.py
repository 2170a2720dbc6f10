"""Replicas, workers and time: who leads, who lives, who is to be woken."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from nice_operator.domain.ids import SessionId


class Subscription(Protocol):
    """Wakes its holder; several publications while nobody waits are one."""

    async def wait(self, timeout: float | None) -> bool:
        """True when something was published since the last wait, False after ``timeout`` seconds."""
        ...


class Wakeups(Protocol):
    """A hint that something changed. Losing one costs time, never correctness: everybody also polls.

    Topics: ``queue`` (work may be claimable), ``tasks``, ``due`` (schedules changed), ``run:<id>``
    (state or log of that run), ``end:<id>`` (it became final), ``runs`` (any run), ``workers``.
    """

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
