"""What the engine needs from outside, as Protocols. Adapters implement these and never call the engine.

All times are aware UTC datetimes. Every decision about time uses the database's clock: that is why
most calls do not take a "now". Errors: adapters raise ``domain.errors.Unavailable`` when their system
does not answer, and no error of a library ever passes this border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from nice_operator.domain.errors import Problem
from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import (
    Attempt,
    HostFacts,
    JsonObject,
    MissedSpan,
    Outcome,
    Requester,
    Run,
    RunState,
)
from nice_operator.domain.task import Task, TaskDefinition, TaskSpec

# ---------------------------------------------------------------- tasks


@dataclass(frozen=True, slots=True)
class PutTask:
    """Record a definition. Level-triggered and idempotent by (uid, generation): an older generation than
    the one stored changes nothing.

    ``next_fire_at`` and ``anchor_at`` are computed by the engine for the new version; they are ignored
    for a stalled definition, whose task keeps its last good version and schedule. ``missed``: planned
    moments that this version makes impossible (a runAt before the task was made, fires still due under the
    schedule that it replaces); they become one ``missed`` row in the transaction that records the version.
    """

    definition: TaskDefinition
    next_fire_at: datetime | None
    anchor_at: datetime | None
    missed: MissedSpan | None = None
    missed_reason: str = ""
    missed_message: str = ""


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task whose next fire has come."""

    task: Task
    due: datetime


@dataclass(frozen=True, slots=True)
class PlannedFire:
    """One moment that becomes a run (or a skipped row): its key (``c:…``, ``o:…``) and planned time."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FirePlan:
    """What one due task shall do, in one transaction.

    Guards: the stored next fire equals ``due``, the generation equals, it is not suspended. ``fires``
    oldest first; ``wait_for_siblings`` makes fires after the first wait instead of being skipped
    (catchUp: All under Forbid). ``missed`` becomes one row of its own.
    """

    task: Task
    due: datetime
    next_fire_at: datetime | None
    fires: tuple[PlannedFire, ...]
    missed: MissedSpan | None = None
    missed_reason: str = ""
    missed_message: str = ""
    wait_for_siblings: bool = False


# ---------------------------------------------------------------- runs


@dataclass(frozen=True, slots=True)
class NewRun:
    """A request for a run. ``key`` is the fire key (``m:<Idempotency-Key or run id>``,
    ``r:<parent>:<run id>``, ``a:<digest of the annotation>``);
    ``payload`` is JSON text; ``available_at`` in the future schedules it."""

    id: RunId
    task: Task
    key: str
    payload: str
    requester: Requester
    available_at: datetime | None = None
    rerun_of: RunId | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """The run, and whether this call made it (False: the same key was used before, with the same body)."""

    run: Run
    created: bool


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A worker's session. A new session of the same ``worker`` fences the older ones of that name."""

    id: SessionId
    worker: str
    pool: str
    labels: Mapping[str, str]
    slots: int


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """Ask for up to ``free`` runs. ``queues`` None means every pool queue (the dev mode's local worker).

    ``selectors``: canonical worker selectors that this worker satisfies ("" is in it always).
    """

    session: SessionId
    worker: str
    free: int
    queues: tuple[str, ...] | None
    selectors: tuple[str, ...] = ("",)


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
class Reaped:
    """A run that the reaper moved, and where to."""

    run_id: RunId
    state: RunState
    reason: str


class TaskStore(Protocol):
    """Definitions and their versions."""

    async def now(self) -> datetime:
        """The database's clock."""
        ...

    async def put_task(self, put: PutTask) -> Task: ...

    async def delete_task(self, task_id: TaskId) -> Task | None:
        """Soft-delete (T14): no more fires, queued runs cancelled, running ones told to stop."""
        ...

    async def get_task(self, namespace: str, name: str) -> Task | None:
        """By metadata.name; deleted tasks are not found."""
        ...

    async def find_task(self, namespace: str, task_name: str) -> Task | None:
        """By ``spec.taskName``, the name of the job API."""
        ...

    async def get_task_by_id(self, task_id: TaskId) -> Task | None: ...

    async def list_tasks(self, namespace: str | None = None) -> Sequence[Task]:
        """Living tasks by namespace and name."""
        ...

    async def get_version(self, task_id: TaskId, generation: int) -> JsonObject | None:
        """The spec as written, of one generation, kept while any run refers to it."""
        ...

    async def last_request(self, task_id: TaskId) -> str | None:
        """The fire key of the last request that the task's annotation carried, None if it never did."""
        ...

    async def note_request(self, task_id: TaskId, key: str) -> None:
        """Remember a request that was answered, for longer than its run is kept."""
        ...


class FireStore(Protocol):
    """Schedules: what is due, and firing it exactly once."""

    async def due_tasks(self, limit: int) -> tuple[datetime, Sequence[DueTask]]:
        """The database's now, and due tasks, oldest due first."""
        ...

    async def next_due(self) -> datetime | None: ...

    async def fire(self, plans: Sequence[FirePlan]) -> int:
        """Apply plans in one transaction; returns how many held their guards (T1, T1b, T2)."""
        ...


class RunStore(Protocol):
    """One method per guarded transition (RunState in domain.run), batched where workers batch."""

    async def submit(self, new: NewRun) -> Submitted:
        """T3. Raises KeyReused (same key, other body) and Conflict (policy, suspended, deleted)."""
        ...

    async def open_session(self, session: OpenSession) -> None: ...

    async def close_session(self, session: SessionId) -> None: ...

    async def claim(self, request: ClaimRequest) -> Sequence[Claimed]: ...

    async def start(self, held: HeldRun, host: HostFacts) -> StartVerdict: ...

    async def heartbeat(self, session: SessionId, held: Sequence[HeldRun]) -> HeartbeatReply: ...

    async def finish(self, decision: FinishDecision) -> FinishVerdict: ...

    async def release(self, held: HeldRun) -> bool: ...

    async def cancel(self, run_id: RunId, requester: Requester) -> CancelResult:
        """T11. Raises NotFound, and Conflict when the run has ended (unless it was cancelled: idempotent)."""
        ...

    async def reap(self, dead: frozenset[SessionId], alive: frozenset[SessionId]) -> Sequence[Reaped]:
        """T9, T10, T12: expired leases and deadlines, sessions known to be dead at once, living ones never
        for their lease. Also admits waiting runs whose slot is free."""
        ...

    async def held(self, session: SessionId) -> Sequence[Claimed]:
        """Every claimed or running run that the store says this session holds: what a worker that comes
        back is compared with. Reads only; renews no lease."""
        ...

    async def active_sessions(self) -> frozenset[SessionId]:
        """Sessions that hold claimed or running runs."""
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

    async def attempts(self, run_id: RunId) -> Sequence[Attempt]: ...


class HistoryStore(Protocol):
    """Retention."""

    async def prune(self, limit: int) -> Sequence[RunId]:
        """Delete up to ``limit`` runs beyond their task's history limits (never the last success or the
        last failure), and versions nothing refers to. Returns the deleted runs, whose logs must go too."""
        ...


class Store(TaskStore, FireStore, RunStore, RunQueries, HistoryStore, Protocol):
    """Everything the database does for the engine."""


# ---------------------------------------------------------------- logs


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Consecutive lines of one stream, read at one moment.

    ``first`` is the number of the first line (from 1, one sequence per attempt over all streams),
    ``lines`` how many there are. ``text`` joins them with "\\n"; it ends with "\\n" unless its last line
    goes on in the next chunk of the same stream (a line longer than 64 KiB is cut so).
    ``stream`` is stdout, stderr or system.
    """

    first: int
    lines: int
    at: datetime
    stream: str
    text: str

    @property
    def last(self) -> int:
        """The number of its last line."""
        return self.first + self.lines - 1


class LogStore(Protocol):
    """Logs of attempts. Appending is idempotent by (run, attempt, first)."""

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None: ...

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """Chunks whose last line is greater than ``after``, in order, about ``max_bytes`` of text."""
        ...

    async def delete(self, runs: Sequence[RunId]) -> None: ...


# ---------------------------------------------------------------- coordination


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
class BrokenFile:
    """A file of definitions that could not be read as it should be. ``path`` is relative to its folder."""

    path: str
    problems: tuple[Problem, ...]


class Clock(Protocol):
    """Waiting and measuring, never deciding."""

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
