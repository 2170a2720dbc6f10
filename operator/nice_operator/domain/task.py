"""A task as the engine knows it: what a NiceTask declares, turned into plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import JsonObject

EXTERNAL_QUEUE = "task:"
EXTERNAL_WORKERS = "external"
"""What the workers of external tasks have in the place of a pool."""
UNDECLARED = "undeclared"
"""The origin of a task that no source declared: a worker registered its name, or somebody scheduled it."""
KUBERNETES = "kubernetes"
"""The origin of a task that a NiceTask object of a cluster declares."""
POOL_QUEUE = "pool:"


class ConcurrencyPolicy(StrEnum):
    """What happens to a new run while another of the same task is active."""

    ALLOW = "Allow"
    FORBID = "Forbid"
    REPLACE = "Replace"
    ENQUEUE = "Enqueue"
    COALESCE = "Coalesce"


class CatchUp(StrEnum):
    """Which overdue fires run after downtime."""

    NONE = "None"
    LATEST = "Latest"
    ALL = "All"


class OnLost(StrEnum):
    """What becomes of a run whose worker vanished after it had started."""

    RETRY = "Retry"
    FAIL = "Fail"


class UnhandledErrors(StrEnum):
    """What an exception that nobody awaited does to the attempt (threads, asyncio tasks, callbacks)."""

    STRICT = "Strict"
    WARN = "Warn"
    IGNORE = "Ignore"


class LogFormat(StrEnum):
    """How the formatted view reads a log line."""

    TEXT = "Text"
    JSON = "Json"


class Gap(StrEnum):
    """A fire whose local time does not exist (clocks go forward)."""

    RUN_AFTER = "RunAfter"
    SKIP = "Skip"


class Repeat(StrEnum):
    """A fire whose local time exists twice (clocks go back)."""

    FIRST = "First"
    LAST = "Last"
    BOTH = "Both"


@dataclass(frozen=True, slots=True)
class PythonSource:
    """Source that defines ``run(payload)``, plain or async."""

    source: str


@dataclass(frozen=True, slots=True)
class Function:
    """A callable by "package.module:callable"."""

    path: str


@dataclass(frozen=True, slots=True)
class Command:
    """A program and its arguments; the payload comes on its standard input."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class External:
    """Executed by whatever worker registers the task's name."""


Execution = PythonSource | Function | Command | External


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The policy, and the number of runs at a time it admits (None: no limit)."""

    policy: ConcurrencyPolicy
    limit: int | None

    @property
    def bounded(self) -> bool:
        """Whether two runs of the task may be too many."""
        return self.limit is not None


@dataclass(frozen=True, slots=True)
class RetryRule:
    """The first rule that matches an ended attempt decides. An empty condition matches anything.

    ``action`` is Retry (counted), RetryUncounted or Fail.
    """

    action: str
    states: frozenset[str] = frozenset()
    exit_codes: frozenset[int] = frozenset()
    signals: frozenset[str] = frozenset()
    error_types: frozenset[str] = frozenset()
    message_contains: str = ""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """``max_attempts`` is the total, the first included. Delays grow by ``factor`` up to ``max_delay``;
    ``jitter`` is the fraction by which one may vary either way."""

    max_attempts: int = 1
    initial_delay: timedelta = timedelta(seconds=10)
    factor: float = 2.0
    max_delay: timedelta = timedelta(minutes=10)
    jitter: float = 0.1
    rules: tuple[RetryRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Keep:
    """How much history stays: at most ``count`` runs and none older than ``age`` (None: no such limit)."""

    count: int | None
    age: timedelta | None


@dataclass(frozen=True, slots=True)
class History:
    """Kept separately, so that many successes never push out the failure one looks for."""

    succeeded: Keep
    failed: Keep


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """A valid definition. Schedules stay text here; ``domain.schedule`` reads them into a timetable.

    ``payload`` is JSON text. ``queue`` is where its runs wait: ``pool:<namespace>/<name>`` (or
    ``pool:default``), or ``task:<namespace>/<task name>`` for external ones.
    """

    task_name: str
    execution: Execution
    timeout: timedelta
    concurrency: Concurrency
    queue: str
    description: str = ""
    schedules: tuple[str, ...] = ()
    run_at: datetime | None = None
    time_zone: str = "Etc/UTC"
    gap: Gap = Gap.RUN_AFTER
    repeat: Repeat = Repeat.FIRST
    not_before: datetime | None = None
    not_after: datetime | None = None
    suspend: bool = False
    starting_deadline: timedelta | None = None
    catch_up: CatchUp = CatchUp.LATEST
    grace: timedelta = timedelta(seconds=10)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    on_lost: OnLost = OnLost.RETRY
    payload: str = "null"
    payload_schema: JsonObject | None = None
    priority: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    memory_limit: int | None = None
    worker_selector: Mapping[str, str] = field(default_factory=dict)
    unhandled_errors: UnhandledErrors | None = None
    log_format: LogFormat = LogFormat.TEXT
    history: History = field(
        default_factory=lambda: History(Keep(100, timedelta(days=30)), Keep(100, timedelta(days=90)))
    )

    @property
    def scheduled(self) -> bool:
        """Whether time alone makes it run."""
        return bool(self.schedules) or self.run_at is not None


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """What a source (folder, Kubernetes) says of one task at one moment.

    ``manifest`` is the spec as written, for showing and for the version kept with each run.
    ``stalled`` is why this version cannot run (then ``spec`` is None and the last good one goes on).
    ``origin`` says where it came from, as ``hello.yaml:3`` for a file, or is ``UNDECLARED``.
    ``generation`` is Kubernetes' own; a source that keeps none (a folder) gives 0, which means: the
    stored generation if the stored manifest and ``stalled`` are equal to these, else the next one.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    manifest: JsonObject
    spec: TaskSpec | None
    origin: str = ""
    stalled: str = ""
    created_at: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Task:
    """A task as the database holds it: its last good version, and where its schedule stands.

    ``generation`` is that of ``spec``; ``observed_generation`` the newest seen, which differs while a
    broken version waits to be mended (``stalled`` says why). ``anchor_at`` is where interval grids
    begin. ``spec`` is None only for a task that never had a good version.
    """

    id: TaskId
    namespace: str
    name: str
    uid: str
    generation: int
    observed_generation: int
    spec: TaskSpec | None
    manifest: JsonObject
    origin: str
    stalled: str
    next_fire_at: datetime | None
    anchor_at: datetime | None
    first_seen_at: datetime
    deleted_at: datetime | None
    fired: int
