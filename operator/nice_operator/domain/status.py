"""The status of a NiceTask: a pure function of what the database holds, and of what it said before.

Written for kstatus (``observedGeneration``; ``Ready`` and ``Stalled`` about the spec alone) and for people. A
run that fails says so in ``LastRunSucceeded`` and never in ``Ready``: whoever waits for the object to be
accepted does not wait for its runs. Fields and bounds: crds/nicetasks.yaml.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nice_operator.domain.conditions import Condition, conditions_of
from nice_operator.domain.run import FINAL_STATES, JsonObject, Run, RunState
from nice_operator.domain.task import Task

SHOWN_RUNS = 5
NEVER_RAN = frozenset({RunState.SKIPPED, RunState.MISSED})
ENDED_STATES = FINAL_STATES - NEVER_RAN
"""A run in one of these was executed, or could have been."""
LONGEST_REASON = 256
LARGEST_EXIT_CODE = 2**31 - 1
"""A worker of somebody else's may tell any number; the whole status would be refused for it."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """``runs`` are the newest, newest first; the last ones of a kind may be older than all of them.
    ``active`` counts runs that are queued, claimed or running."""

    task: Task
    active: int
    runs: Sequence[Run]
    last_started: Run | None
    last_ended: Run | None
    last_success: Run | None


def status_of(facts: TaskFacts, before: JsonObject, now: datetime) -> dict[str, Any]:
    """``before`` is the status as it is shown now: a condition that says the same keeps its time."""
    task = facts.task
    conditions = conditions_of(task, facts.active, facts.runs, facts.last_ended)
    return {
        "observedGeneration": task.observed_generation,
        "conditions": [_condition(each, task, before, now) for each in conditions],
        "active": facts.active,
        **_times(facts, before),
        "lastRuns": [_run(run) for run in facts.runs[:SHOWN_RUNS]],
    }


def rfc3339(moment: datetime) -> str:
    """A moment as Kubernetes writes it, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(condition: Condition, task: Task, before: JsonObject, now: datetime) -> dict[str, Any]:
    old = _old(condition.type, before)
    same = old.get("status") == condition.status and old.get("lastTransitionTime")
    return {
        "type": condition.type,
        "status": condition.status,
        "observedGeneration": task.observed_generation,
        "lastTransitionTime": same or rfc3339(now),
        "reason": condition.reason,
        "message": condition.message,
    }


def _old(kind: str, before: JsonObject) -> Mapping[str, Any]:
    found = (each for each in before.get("conditions") or () if each.get("type") == kind)
    return next(found, {})


def _times(facts: TaskFacts, before: JsonObject) -> dict[str, Any]:
    """A start that is not found any more was all the same: hundreds may have been cancelled since."""
    task, started, success = facts.task, facts.last_started, facts.last_success
    times = {
        "nextRunTime": task.next_fire_at,
        "lastRunTime": started.started_at if started else None,
        "lastSuccessfulTime": success.finished_at if success else None,
    }
    told: dict[str, Any] = {name: rfc3339(moment) for name, moment in times.items() if moment}
    if started is None and before.get("lastRunTime"):
        told["lastRunTime"] = before["lastRunTime"]
    return told | ({"lastResult": facts.last_ended.state.value} if facts.last_ended else {})


def _run(run: Run) -> dict[str, Any]:
    times = {
        "scheduledTime": run.scheduled_for,
        "startTime": run.started_at,
        "endTime": run.finished_at,
    }
    told: dict[str, Any] = {"id": str(run.id), "state": run.state.value}
    if run.reason:
        told["reason"] = run.reason[:LONGEST_REASON]
    if run.exit_code is not None and abs(run.exit_code) <= LARGEST_EXIT_CODE:
        told["exitCode"] = run.exit_code
    return told | {name: rfc3339(moment) for name, moment in times.items() if moment}
