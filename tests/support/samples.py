"""Domain values for tests: a default that works, and what a test wants otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from nice_operator.domain.ids import OutcomeId, RunId, TaskId, uuid7
from nice_operator.domain.run import Outcome, Requester, Run, RunState, Trigger, Usage
from nice_operator.domain.task import (
    Concurrency,
    ConcurrencyPolicy,
    PythonSource,
    Task,
    TaskSpec,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REQUESTER = Requester(Trigger.API, "Ada", "ada@example.org")


def a_spec(**changes: Any) -> TaskSpec:
    """A manual task of the default pool without a limit."""
    values: dict[str, Any] = {
        "task_name": "hello",
        "execution": PythonSource("def run(payload): return payload"),
        "timeout": timedelta(seconds=60),
        "concurrency": Concurrency(ConcurrencyPolicy.ALLOW, None),
        "queue": "pool:default",
    }
    return TaskSpec(**(values | changes))


def a_task(spec: TaskSpec | None = None, **changes: Any) -> Task:
    """A task that was first seen at noon."""
    values: dict[str, Any] = {
        "id": TaskId(uuid7()),
        "namespace": "default",
        "name": "hello",
        "uid": str(uuid4()),
        "generation": 1,
        "observed_generation": 1,
        "spec": spec or a_spec(),
        "manifest": {},
        "origin": "hello.yaml:1",
        "stalled": "",
        "next_fire_at": None,
        "anchor_at": NOON,
        "first_seen_at": NOON,
        "deleted_at": None,
        "fired": 0,
    }
    return Task(**(values | changes))


def an_outcome(state: RunState = RunState.FAILED, **changes: Any) -> Outcome:
    """A failed attempt."""
    return Outcome(**({"id": OutcomeId(uuid7()), "state": state, "reason": "ExitCode"} | changes))


def a_run(**changes: Any) -> Run:
    """A queued run that was asked for at noon."""
    values: dict[str, Any] = {
        "id": RunId(uuid7()),
        "task_id": TaskId(uuid7()),
        "namespace": "default",
        "task": "hello",
        "generation": 1,
        "fire_key": "m:1",
        "scheduled_for": NOON,
        "state": RunState.QUEUED,
        "reason": "",
        "message": "",
        "requester": REQUESTER,
        "queue": "pool:default",
        "max_attempts": 1,
        "available_at": NOON,
        "created_at": NOON,
        "payload": "null",
        "usage": Usage(),
    }
    zeros = dict.fromkeys(("priority", "attempt", "lost_count", "epoch"), 0)
    absent = dict.fromkeys(Run.__dataclass_fields__)
    return Run(**(absent | zeros | values | changes))
