"""Runs, their workers and their attempts: what the engine asks of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import Attempt, HostFacts, Outcome, Requester, Run, RunState
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.ports.pools import Holder

NOTHING_TOLD: Mapping[SessionId, str] = {}

MOST_TAKEN = 500
"""Runs of one queue that ``take`` gives out at once; the next one takes the others."""


@dataclass(frozen=True, slots=True)
class NewRun:
    """A request for a run. ``key`` is the fire key (``m:<Idempotency-Key or run id>``, ``s:…`` likewise for a
    job requested for a time, ``r:<parent>:<run id>``, ``a:<digest of the annotation>``);
    ``payload`` is JSON text, ``payload_given`` whether the request named it; ``available_at`` in the future
    schedules it. ``exact``: only if the task still is of the generation that ``task`` has (TaskChanged)."""

    id: RunId
    task: Task
    key: str
    payload: str
    requester: Requester
    available_at: datetime | None = None
    rerun_of: RunId | None = None
    payload_given: bool = True
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Submitted:
    """The run, and whether this call made it (False: the same key was used before, with the same body)."""

    run: Run
    created: bool


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A worker's session. A new session of the same ``worker`` fences the older ones of that name.
    ``facts``: what it tells of itself for people to see."""

    id: SessionId
    worker: str
    pool: str
    labels: Mapping[str, str]
    slots: int
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """Ask for up to ``free`` runs. ``queues`` None means every pool queue (the dev mode's local worker).

    ``selectors``: canonical worker selectors that this worker satisfies ("" is in it always).
    ``refused``: (task, generation) of runs that are not for this worker now.
    """

    session: SessionId
    worker: str
    free: int
    queues: tuple[str, ...] | None
    selectors: tuple[str, ...] = ("",)
    refused: tuple[tuple[TaskId, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run now held by a session, with the version of the task that it was made for."""

    run: Run
    spec: TaskSpec


@dataclass(frozen=True, slots=True)
class HeldRun:
    """Names a run as its worker knows it: guards compare all three."""

    id: RunId
    epoch: int
    session: SessionId


class StartVerdict(StrEnum):
    """The start barrier's answer. ``STARTED`` also for a repeated request of the same holder."""

    STARTED = "started"
    CANCELLED = "cancelled"
    STALE = "stale_epoch"


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    """Runs the worker must stop: those it no longer holds, and those somebody cancelled."""

    lost: tuple[HeldRun, ...]
    cancelled: tuple[HeldRun, ...]


class FinishVerdict(StrEnum):
    """What became of a report. ``REPEATED``: the same outcome id is stored already, which is success."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    STALE = "stale_epoch"
    REGRESSED = "db_regressed"
    UNKNOWN = "unknown_run"


@dataclass(frozen=True, slots=True)
class FinishDecision:
    """What the engine decided an outcome means for the run (retry rules applied)."""

    held: HeldRun
    outcome: Outcome
    state: RunState
    retry_after: timedelta | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class CancelResult:
    """``run`` after the call; ``requested`` True when a worker still has to stop it."""

    run: Run
    requested: bool


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list; all given conditions hold together."""

    task_id: TaskId | None = None
    namespace: str | None = None
    states: frozenset[RunState] = frozenset()
    before: RunId | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class RunPage:
    """Newest first. ``next`` is the cursor of the following page, None at the end."""

    runs: tuple[Run, ...]
    next: RunId | None


@dataclass(frozen=True, slots=True)
class Movement:
    """Where the runs of one task in one state stand: any change of theirs changes one of these figures.
    ``epochs`` is the sum of their epochs."""

    task_id: TaskId
    state: RunState
    count: int
    epochs: int
    newest: RunId


@dataclass(frozen=True, slots=True)
class Reaped:
    """A run that the reaper moved, and where to."""

    run_id: RunId
    state: RunState
    reason: str


class RunStore(Protocol):
    """One method per guarded transition (RunState in domain.run), batched where workers batch."""

    async def submit(self, new: NewRun) -> Submitted:
        """T3. Raises KeyReused (same key, other body) and Conflict (policy, suspended, deleted)."""
        ...

    async def open_session(self, session: OpenSession) -> None: ...

    async def close_session(self, session: SessionId) -> None: ...

    async def claim(self, request: ClaimRequest) -> Sequence[Claimed]: ...

    async def take(self, requests: Sequence[ClaimRequest], host: HostFacts) -> Sequence[Claimed]:
        """Claim for several workers and start what was claimed, in one transaction (T4, T5): for workers
        that are only told of a run when it may begin. Each request names its queues and gets at most
        ``free``."""
        ...

    async def start(self, held: HeldRun, host: HostFacts) -> StartVerdict: ...

    async def heartbeat(self, session: SessionId, held: Sequence[HeldRun]) -> HeartbeatReply: ...

    async def finish(self, decision: FinishDecision) -> FinishVerdict: ...

    async def release(self, held: HeldRun) -> bool: ...

    async def cancel(self, run_id: RunId, requester: Requester) -> CancelResult:
        """T11. Raises NotFound, and Conflict when the run has ended (unless it was cancelled: idempotent)."""
        ...

    async def unschedule(self, namespace: str, run_id: RunId, requester: Requester) -> bool:
        """T11 for a job that was requested for a time and has not started. False, and nothing changed, for
        every other id."""
        ...

    async def reap(
        self,
        dead: frozenset[SessionId],
        alive: frozenset[SessionId],
        told: Mapping[SessionId, str] = NOTHING_TOLD,
    ) -> Sequence[Reaped]:
        """T9, T10, T12: expired leases and deadlines, sessions known to be dead at once, living ones never
        for their lease. Also admits waiting runs whose slot is free. ``told``: what else is known of a
        session's end, for the message of its lost runs."""
        ...

    async def doomed(self, dead: frozenset[SessionId], alive: frozenset[SessionId]) -> Sequence[Holder]:
        """Whose running runs ``reap`` would call lost now."""
        ...

    async def held(self, session: SessionId) -> Sequence[Claimed]:
        """Every claimed or running run that the store says this session holds: what a worker that comes
        back is compared with. Reads only; renews no lease."""
        ...

    async def active_sessions(self) -> frozenset[SessionId]:
        """Sessions that hold claimed or running runs."""
        ...

    async def external_sessions(self) -> frozenset[SessionId]:
        """The same of external workers alone."""
        ...

    async def queued_selectors(self) -> frozenset[str]:
        """Distinct worker selectors among queued runs."""
        ...

    async def queue_depth(self) -> Mapping[str, int]:
        """Claimable runs by queue."""
        ...

    async def next_available(self) -> timedelta | None:
        """How long until the next queued run whose time has not come becomes available (a retry, a request
        for later), by the database's clock; None without one."""
        ...


class RunQueries(Protocol):
    """What pages, API and command line read."""

    async def get_run(self, run_id: RunId) -> Run | None: ...

    async def list_runs(self, wanted: RunFilter) -> RunPage: ...

    async def last_runs(self, task_ids: Sequence[TaskId], each: int) -> Mapping[TaskId, Sequence[Run]]:
        """The newest ``each`` runs of each task, newest first."""
        ...

    async def active_counts(self, namespace: str | None = None) -> Mapping[TaskId, int]:
        """How many runs of each task are queued, claimed or running; tasks without any are left out."""
        ...

    async def movements(self, within: timedelta) -> Sequence[Movement]:
        """All active runs, and the final ones made ``within`` so long, by task and state. What was active in
        one answer and is not in the next has ended."""
        ...

    async def attempts(self, run_id: RunId) -> Sequence[Attempt]: ...
