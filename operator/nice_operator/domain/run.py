"""A run and its life: the states, the transitions between them, and the values that describe a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from nice_operator.domain.ids import OutcomeId, RunId, SessionId, TaskId


class RunState(StrEnum):
    """Where a run stands. The value is the word that every interface uses."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    SKIPPED = "skipped"
    MISSED = "missed"

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in FINAL_STATES


ACTIVE_STATES = frozenset({RunState.QUEUED, RunState.CLAIMED, RunState.RUNNING})
HELD_STATES = frozenset({RunState.CLAIMED, RunState.RUNNING})
FINAL_STATES = frozenset(RunState) - ACTIVE_STATES
FAILURES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.LOST})


@dataclass(frozen=True, slots=True)
class Transition:
    """One edge of a run's life. ``guard`` says in words what the SQL statement checks."""

    name: str
    source: frozenset[RunState]
    target: frozenset[RunState]
    guard: str


def _edge(name: str, source: str, target: str, guard: str) -> Transition:
    return Transition(
        name,
        frozenset(RunState(s) for s in source.split()),
        frozenset(RunState(s) for s in target.split()),
        guard,
    )


TRANSITIONS: tuple[Transition, ...] = (
    _edge(
        "fire",
        "",
        "queued",
        "the task's next fire is still the one seen, its generation too, and it is not suspended",
    ),
    _edge("submit", "", "queued", "no run of this task has the same idempotency key"),
    _edge(
        "skip",
        "",
        "skipped",
        "the concurrency policy refuses the fire; the run in the way is named",
    ),
    _edge("miss", "", "missed", "the fire is too late for the task's catch-up rule"),
    _edge(
        "claim",
        "queued",
        "claimed",
        "due, not blocked, and the worker asked for work; the epoch rises",
    ),
    _edge(
        "start",
        "claimed",
        "running",
        "same epoch, same worker session, no cancel requested; committed before user code runs",
    ),
    _edge(
        "release",
        "claimed",
        "queued",
        "same epoch and session: a draining worker hands back what it never started",
    ),
    _edge(
        "finish",
        "running",
        "succeeded failed timed_out cancelled",
        "same epoch, same worker session",
    ),
    _edge(
        "retry",
        "running",
        "queued",
        "same epoch and session, and the retry rules allow another attempt",
    ),
    _edge(
        "interrupt",
        "running",
        "queued lost",
        "same epoch and session, at a drain; lost if the task says onLost: Fail",
    ),
    _edge(
        "lose",
        "running",
        "queued lost",
        "the lease ran out, or the worker told it; lost if onLost: Fail or after three losses",
    ),
    _edge("requeue", "claimed", "queued", "the claim's lease ran out: user code never ran"),
    _edge(
        "expire",
        "running",
        "timed_out",
        "the deadline passed long ago and no worker told so; the epoch rises",
    ),
    _edge("cancel", "queued claimed", "cancelled", "nothing of the user's has started"),
)
"""Every edge of the state machine. The store has one function per edge; docs/run-lifecycle.md is
rendered from this table, and the store's contract suite walks it."""


class Trigger(StrEnum):
    """How a run came to be."""

    SCHEDULE = "schedule"
    RUN_AT = "run_at"
    API = "api"
    UI = "ui"
    CLI = "cli"
    ANNOTATION = "annotation"


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asked for a run, as far as it is known, and how."""

    trigger: Trigger
    name: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine an attempt ran on, measured when it started. Memory in bytes."""

    name: str
    free_memory: int | None = None
    load_average: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class LogSummary:
    """How an attempt's log ended. ``gaps`` are (first, last) line numbers dropped (both included)."""

    lines: int
    complete: bool
    gaps: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What an attempt used: processor time in seconds, peak resident memory in bytes."""

    cpu_seconds: float | None = None
    peak_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended, as its worker told it.

    ``id`` makes a repeated report the same report. ``state`` is one of succeeded, failed, timed_out,
    cancelled, lost; ``interrupted`` is told apart by its own flag (a drain). ``result`` is JSON text,
    or None when the attempt did not succeed. ``stopped_by`` names the step that ended a stopped one:
    warning, term, kill, sweep.
    """

    id: OutcomeId
    state: RunState
    reason: str
    message: str = ""
    result: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    stopped_by: str | None = None
    interrupted: bool = False
    error_type: str = ""
    usage: Usage = field(default_factory=Usage)
    log: LogSummary | None = None


@dataclass(frozen=True, slots=True)
class MissedSpan:
    """Planned moments that were not run: the first, the last and how many."""

    first: datetime
    last: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Run:
    """One request to execute a task, whoever asked. Times are aware UTC, payload and result JSON text.

    ``attempt`` counts executions begun (0: none yet), ``epoch`` rises with each claim and fences
    reports of older ones. ``started_at`` is the start of the newest attempt; ``reason`` and
    ``message`` say why the last one ended, and are empty while one is under way.
    ``payload_given``: whether the request named a payload; else it is the task's.
    """

    id: RunId
    task_id: TaskId
    namespace: str
    task: str
    generation: int
    fire_key: str
    scheduled_for: datetime
    state: RunState
    reason: str
    message: str
    requester: Requester
    queue: str
    priority: int
    attempt: int
    max_attempts: int
    lost_count: int
    epoch: int
    session: SessionId | None
    lease_until: datetime | None
    available_at: datetime
    deadline_at: datetime | None
    blocked_by: RunId | None
    cancel_requested_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    payload: str
    result: str | None
    exit_code: int | None
    signal: str | None
    host: HostFacts | None
    worker: str | None
    usage: Usage
    log: LogSummary | None
    missed: MissedSpan | None
    rerun_of: RunId | None
    payload_given: bool = True

    @property
    def scheduled_by_request(self) -> bool:
        """Whether somebody asked for it to run at a time of its own (node-workman's scheduled jobs)."""
        return self.fire_key.startswith(SCHEDULED_KEY)

    @property
    def duration(self) -> timedelta | None:
        """How long the last attempt took, from its start to its end; None until both are known."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a run. ``outcome`` is None while it goes on; ``stale`` marks refused late evidence."""

    run_id: RunId
    number: int
    epoch: int
    session: SessionId
    worker: str
    claimed_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    state: RunState | None
    reason: str
    message: str
    exit_code: int | None
    signal: str | None
    stopped_by: str | None
    host: HostFacts | None
    usage: Usage
    log: LogSummary | None
    stale: bool = False


SCHEDULED_KEY = "s:"
"""How the fire keys of jobs begin that were requested for a time."""

JsonValue = Any
"""A value that json.loads can return. Nothing decides by its inside, so it stays untyped."""

JsonObject = Mapping[str, JsonValue]
