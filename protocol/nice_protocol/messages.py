"""The messages of the native worker protocol, version 1: JSON objects over WebSocket, told apart by ``type``.

Field names on the wire are those here. Ids are UUID text, durations are seconds (numbers), memory is
bytes. Payloads and results travel as JSON *text* inside a string, so that no hop changes a digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

LOG_STREAMS = ("stdout", "stderr", "system")
OUTCOME_STATES = ("succeeded", "failed", "timed_out", "cancelled", "lost")

NOT_ELIGIBLE = "not_eligible"
"""Why a run is handed back: see ``Release``."""


@dataclass(frozen=True)
class RunRef:
    """A run as its holder knows it."""

    run: str
    epoch: int


@dataclass(frozen=True)
class ResumedRun(RunRef):
    """A run that a reconnecting worker still holds. ``phase``: assigned, running or finished."""

    phase: str


@dataclass(frozen=True)
class Host:
    """Facts of the worker's machine; memory in bytes."""

    name: str
    free_memory: int | None = None
    load_average: list[float] | None = None


@dataclass(frozen=True)
class LogLines:
    """Lines of one stream: see ``Log``. ``at`` is Unix time in microseconds, a hint for people. ``shown``,
    if there is one, has for each line the text that people read in its place (``serialize_log_event``)."""

    first: int
    lines: int
    at: int
    stream: str
    text: str
    shown: list[str] | None = None


@dataclass(frozen=True)
class LogEnd:
    """How an attempt's log ended: number of lines, whether all were sent, and the dropped (first, last).
    ``why``: what is wrong with the copy that is kept outside the operator, in words; empty when nothing is
    known to be."""

    lines: int
    complete: bool
    gaps: list[list[int]] = field(default_factory=list)
    why: str = ""


# ------------------------------------------------------------ worker → operator


@dataclass(frozen=True)
class Hello:
    """First message. ``session`` is chosen by the worker once per life (UUID); the same one resumes.
    ``facts`` are for people to see; ``landlock`` is one: what keeps its runs apart (0: nothing does)."""

    type: ClassVar[str] = "hello"
    versions: list[int]
    session: str
    worker: str
    pool: str
    slots: int
    host: Host
    labels: dict[str, str] = field(default_factory=dict)
    resume: list[ResumedRun] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Credit:
    """The worker can take ``add`` more runs. One assignment uses one; a new connection starts at zero."""

    type: ClassVar[str] = "credit"
    add: int


@dataclass(frozen=True)
class Start:
    """Ask to pass the start barrier; user code runs only after ``started``."""

    type: ClassVar[str] = "start"
    run: str
    epoch: int
    host: Host


@dataclass(frozen=True)
class Heartbeat:
    """The worker lives and holds these runs."""

    type: ClassVar[str] = "heartbeat"
    seq: int
    runs: list[RunRef]


@dataclass(frozen=True)
class Log:
    """Log lines of one attempt, in order. Repeating them is harmless."""

    type: ClassVar[str] = "log"
    run: str
    epoch: int
    chunks: list[LogLines]


@dataclass(frozen=True)
class Finish:
    """How the attempt ended. Repeated, with the same ``outcome``, until ``finished`` comes.

    ``state``: succeeded, failed, timed_out, cancelled or lost. ``result`` is JSON text (succeeded only).
    ``interrupted``: stopped by a drain. ``stopped_by``: term, kill or sweep.
    """

    type: ClassVar[str] = "finish"
    run: str
    epoch: int
    outcome: str
    state: str
    reason: str
    message: str = ""
    result: str | None = None
    exit_code: int | None = None
    signal: str | None = None
    stopped_by: str | None = None
    interrupted: bool = False
    error_type: str = ""
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    log: LogEnd | None = None


@dataclass(frozen=True)
class Release:
    """Hand back a run that never started (drain, or the worker cannot execute it now).

    ``code`` NOT_ELIGIBLE: this version of the task does not want this worker, as ``message`` says in words;
    it is not to be offered again for a minute. Empty: offer it to whoever asks.
    """

    type: ClassVar[str] = "release"
    run: str
    epoch: int
    code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Draining:
    """The worker takes no more work; its credit is void."""

    type: ClassVar[str] = "draining"


# ------------------------------------------------------------ operator → worker


@dataclass(frozen=True)
class Welcome:
    """Answer to hello. ``discard`` lists resumed runs that the worker holds no longer: stop and forget them.
    ``lease`` is how long, in seconds, the operator believes a silent worker; ``None``: it asks a lock
    instead (local worker of the dev mode), and the worker never stops runs for missed heartbeats."""

    type: ClassVar[str] = "welcome"
    version: int
    heartbeat: float
    lease: float | None
    discard: list[RunRef] = field(default_factory=list)


@dataclass(frozen=True)
class Assign:
    """Execute this. ``execution``: {"python": {"source"}} | {"function": "m:c"} | {"command": [..]}.

    ``stop_on_lost_lease``: two of it must never overlap, so stop it when the lease is lost.
    """

    type: ClassVar[str] = "assign"
    run: str
    epoch: int
    attempt: int
    namespace: str
    task: str
    generation: int
    execution: dict[str, Any]
    payload: str
    timeout: float
    grace: float
    env: dict[str, str] = field(default_factory=dict)
    memory_limit: int | None = None
    unhandled_errors: str | None = None
    stop_on_lost_lease: bool = False


@dataclass(frozen=True)
class Started:
    """The start is committed: run it now."""

    type: ClassVar[str] = "started"
    run: str
    epoch: int


@dataclass(frozen=True)
class Refused:
    """The start was refused (``code``: cancelled, stale_epoch); forget the run. Its slot is free again, so
    the worker may send new ``credit`` for it: credit comes from ``credit`` messages alone."""

    type: ClassVar[str] = "refused"
    run: str
    epoch: int
    code: str


@dataclass(frozen=True)
class HeartbeatAck:
    """``lost``: no longer the worker's, stop them and report nothing. ``cancel``: stop and report."""

    type: ClassVar[str] = "heartbeat_ack"
    seq: int
    lost: list[RunRef] = field(default_factory=list)
    cancel: list[RunRef] = field(default_factory=list)


@dataclass(frozen=True)
class LogAck:
    """Lines up to ``last`` of this run's attempt are stored."""

    type: ClassVar[str] = "log_ack"
    run: str
    epoch: int
    last: int


@dataclass(frozen=True)
class Finished:
    """The report is settled and may be forgotten. ``verdict``: accepted, repeated, stale_epoch,
    db_regressed or unknown_run."""

    type: ClassVar[str] = "finished"
    run: str
    epoch: int
    outcome: str
    verdict: str


@dataclass(frozen=True)
class Cancel:
    """Stop the run and report ``cancelled`` (or how else it ended, if that came first)."""

    type: ClassVar[str] = "cancel"
    run: str
    epoch: int


@dataclass(frozen=True)
class Drain:
    """Take no more work; finish what runs; then leave."""

    type: ClassVar[str] = "drain"


@dataclass(frozen=True)
class Error:
    """The last message was refused; after a fatal one the connection closes. ``about`` is its type."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    about: str = ""


FromWorker = Hello | Credit | Start | Heartbeat | Log | Finish | Release | Draining
FromOperator = (
    Welcome | Assign | Started | Refused | HeartbeatAck | LogAck | Finished | Cancel | Drain | Error
)
Message = FromWorker | FromOperator
