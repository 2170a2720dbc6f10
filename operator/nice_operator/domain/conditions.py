"""What is true of a task, in the words of Kubernetes' conditions. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nice_operator.domain.run import Run, RunState
from nice_operator.domain.task import Task

LONGEST_MESSAGE = 2048

STALL_REASONS = {"spec.workerPool": "PoolRefused", "spec.taskName": "NameRefused"}
"""By the field that the first problem is about; every other one is ``InvalidSpec``."""

_WORD = re.compile("[A-Za-z]([A-Za-z0-9_]{0,254}[A-Za-z0-9])?")
_STATE_REASONS = {
    RunState.SUCCEEDED: "Succeeded",
    RunState.FAILED: "Failed",
    RunState.TIMED_OUT: "TimedOut",
    RunState.CANCELLED: "Cancelled",
    RunState.LOST: "Lost",
    RunState.MISSED: "Missed",
    RunState.SKIPPED: "Skipped",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """``status`` is True, False or Unknown, as texts."""

    type: str
    status: str
    reason: str
    message: str


def conditions_of(task: Task, active: int, runs: Sequence[Run], ended: Run | None) -> list[Condition]:
    """All conditions of a task, each of them from its first sight on. ``runs`` are its newest, newest first,
    ``ended`` the newest that was executed to an end."""
    found = [_ready(task), _stalled(task), _last_run(ended)]
    once = task.spec is not None and task.spec.run_at is not None
    return [*found, _succeeded(active, runs, ended)] if once else found


def in_words(run: Run) -> str:
    """How a run ended, for people."""
    said = f": {run.message}" if run.message and run.state is not RunState.SUCCEEDED else ""
    return shortened(f"run {run.id} {run.state.value.replace('_', ' ')}{said}")


def reason_of(run: Run) -> str:
    """Why it ended so, in a word that Kubernetes takes; a worker may say anything."""
    return run.reason if _WORD.fullmatch(run.reason) else _STATE_REASONS.get(run.state, "Unknown")


def shortened(text: str) -> str:
    """Cut, and said so, if it is too long for a condition or an Event."""
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 2]} …"


def _ready(task: Task) -> Condition:
    if task.stalled:
        return Condition("Ready", "False", _stall_reason(task), _stall_message(task))
    reason, message = _in_force(task)
    return Condition("Ready", "True", reason, message)


def _in_force(task: Task) -> tuple[str, str]:
    spec = task.spec
    if spec is None or not (spec.suspend or spec.scheduled):
        return "Manual", "runs when somebody asks"
    if spec.suspend:
        return "Suspended", "paused: no planned moments and no requests until spec.suspend is false"
    if task.next_fire_at is None:
        return "Over", "nothing is planned any more; it runs when somebody asks"
    return "Scheduled", "runs once, at its moment" if spec.run_at else "runs on its schedule"


def _stalled(task: Task) -> Condition:
    if task.stalled:
        return Condition("Stalled", "True", _stall_reason(task), _stall_message(task))
    return Condition("Stalled", "False", "Accepted", "the spec is in force")


def _stall_reason(task: Task) -> str:
    return STALL_REASONS.get(task.stalled.partition(":")[0], "InvalidSpec")


def _stall_message(task: Task) -> str:
    goes_on = f"; generation {task.generation} goes on" if task.generation else "; nothing runs until then"
    problems = "; ".join(task.stalled.splitlines())
    return shortened(problems)[: LONGEST_MESSAGE - len(goes_on)] + goes_on


def _last_run(ended: Run | None) -> Condition:
    if ended is None:
        return Condition("LastRunSucceeded", "Unknown", "NoRunYet", "no run has ended yet")
    return _by_run("LastRunSucceeded", ended)


def _succeeded(active: int, runs: Sequence[Run], ended: Run | None) -> Condition:
    """For a task that runs once."""
    if ended is not None:
        return _by_run("Succeeded", ended)
    if active:
        return Condition("Succeeded", "Unknown", "Running", "its run has not ended yet")
    passed = next((run for run in runs if run.state in (RunState.MISSED, RunState.SKIPPED)), None)
    if passed is not None:
        return _by_run("Succeeded", passed)
    return Condition("Succeeded", "Unknown", "Pending", "its moment has not come")


def _by_run(kind: str, run: Run) -> Condition:
    well = run.state is RunState.SUCCEEDED
    return Condition(kind, "True" if well else "False", reason_of(run), in_words(run))
