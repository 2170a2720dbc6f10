"""Why a run is as it is: every reason that this side gives, with its sentence for people.

A reason is one CamelCase word that programs may compare; the worker's reasons (as ``ExitCode``,
``ResultTooLarge``) travel with their own messages and are not repeated here.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The operator's own reasons."""

    OVERLAP = "Overlap"
    COALESCED = "Coalesced"
    REPLACED = "Replaced"
    TOO_LATE = "TooLate"
    SUPERSEDED = "Superseded"
    CATCH_UP_LIMIT = "CatchUpLimit"
    SCHEDULE_CHANGED = "ScheduleChanged"
    BEFORE_CREATION = "BeforeCreation"
    CANCELLED = "Cancelled"
    TASK_DELETED = "TaskDeleted"
    WORKER_LOST = "WorkerLost"
    WORKER_DIED = "WorkerDied"
    FORGOTTEN = "Forgotten"
    INTERRUPTED = "Interrupted"
    POISON = "Poison"
    DEADLINE = "DeadlineExceeded"
    RETRYING = "Retrying"


_SENTENCES: dict[Reason, str] = {
    Reason.OVERLAP: "run {run} of the same task was {state}, and the task runs one at a time",
    Reason.COALESCED: "run {run} is waiting already and stands for this one too",
    Reason.REPLACED: "run {run} took its place",
    Reason.TOO_LATE: "{count} planned between {first} and {last}: later than the starting deadline allows",
    Reason.SUPERSEDED: "{count} planned between {first} and {last}: a later one ran (catchUp: Latest)",
    Reason.CATCH_UP_LIMIT: "{count} planned between {first} and {last}: more than are caught up at once",
    Reason.SCHEDULE_CHANGED: "{count} planned between {first} and {last}: the schedule was changed first",
    Reason.BEFORE_CREATION: "planned for {first}, before this task was made",
    Reason.CANCELLED: "cancelled by {who}",
    Reason.TASK_DELETED: "its task was deleted",
    Reason.WORKER_LOST: "worker {worker} was not heard of for longer than its lease",
    Reason.WORKER_DIED: "worker {worker} died",
    Reason.FORGOTTEN: "worker {worker} came back and knew nothing of this run",
    Reason.INTERRUPTED: "its worker stopped before the run had ended",
    Reason.POISON: "{count} workers were lost while running it; it is not tried again",
    Reason.DEADLINE: "its time was up and no worker told how it ended",
    Reason.RETRYING: "attempt {attempt} {state}: {message}",
}


def sentence(reason: Reason, **facts: object) -> str:
    """The reason's sentence with its facts filled in. A missing fact is a mistake of ours: KeyError."""
    return _SENTENCES[reason].format_map(facts)
