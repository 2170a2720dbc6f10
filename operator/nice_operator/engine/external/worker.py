"""One connection of a worker outside, without input or output: what it can do, how much it asked for, what
it holds. It is never given more than it asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nice_operator.domain.task import EXTERNAL_QUEUE
from nice_operator.engine.holdings import Holding, Holdings
from nice_operator.ports import Claimed, ClaimRequest, HeldRun, OpenSession

MOST_NAMES = 1_000
"""Names of one connection; more are not taken."""
MOST_WANTED = 100_000
"""Jobs that one connection can have asked for; asking for more asks for this many."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is sent. ``options`` is JSON text, None when the request named none. ``scheduled`` is the
    id of a job requested for a time and that time."""

    name: str
    options: str | None
    nonce: str
    scheduled: tuple[str, datetime] | None = None


class JobChannel(Protocol):
    """The way to the worker."""

    def send_job(self, job: Job) -> None:
        """Queue a job. Never blocks; a peer that does not read is cut off by the channel itself."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection with a WebSocket close code."""
        ...


class NotAsked(Exception):
    """A job was about to be given to a worker that did not ask for it."""


class ExternalWorker:
    """See the module. ``identity`` is who connected: results may come on any connection of the same one."""

    def __init__(
        self, session: OpenSession, identity: str, namespace: str, channel: JobChannel, connected_at: datetime
    ) -> None:
        self.session = session
        self.identity = identity
        self.namespace = namespace
        self.connected_at = connected_at
        self.holdings = Holdings()
        self.wanted = 0
        self.open = True
        self._channel = channel
        self._names: dict[str, None] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """What it registered, in that order."""
        return tuple(self._names)

    @property
    def hungry(self) -> bool:
        """Whether it can be given a job now."""
        return self.open and self.wanted > 0 and bool(self._names)

    def register(self, name: str) -> bool:
        """It can do ``name``. Whether there was room for the name; registering twice is the same."""
        if name not in self._names and len(self._names) >= MOST_NAMES:
            return False
        self._names[name] = None
        return True

    def ask(self) -> None:
        """It wants one job more."""
        self.wanted = min(self.wanted + 1, MOST_WANTED)

    def request(self) -> ClaimRequest:
        """What it wants, as the store is asked for it."""
        queues = tuple(f"{EXTERNAL_QUEUE}{self.namespace}/{name}" for name in self._names)
        return ClaimRequest(self.session.id, self.session.worker, self.wanted, queues)

    def hold(self, claimed: Claimed) -> Holding:
        """Note that the store says it holds a run."""
        return self.holdings.add(claimed, HeldRun(claimed.run.id, claimed.run.epoch, self.session.id))

    def give(self, job: Job) -> None:
        """Send a job; it uses up one request. Raises NotAsked."""
        if not self.open or self.wanted < 1:
            raise NotAsked(f"{self.session.worker} asked for no job")
        self.wanted -= 1
        self._channel.send_job(job)

    def end(self, code: int, reason: str) -> None:
        """Close from this side."""
        if self.open:
            self.open = False
            self._channel.close(code, reason[:120])
