"""What a runner is told to execute: the job document and the environment of user code."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from nice_protocol.messages import Assign


@dataclass(frozen=True)
class Surroundings:
    """What every task of this worker finds: the folder first on its import path (or ""), and the policy for
    unhandled errors of those that choose none."""

    task_path: str
    unhandled_errors: str


def job_document(assign: Assign, surroundings: Surroundings, *, helper: bool = False) -> bytes:
    """The JSON, without a line break, that the runner reads once its gate is open. A ``helper`` answers
    questions about the task; it does not run it, so the payload is none of its business."""
    return orjson.dumps(
        {
            "task": f"{assign.namespace}/{assign.task}",
            "helper": helper,
            "execution": assign.execution,
            "payload": "null" if helper else assign.payload,
            "env": {**assign.env, **_own_variables(assign, surroundings.task_path)},
            "unhandled": assign.unhandled_errors or surroundings.unhandled_errors,
        }
    )


def _own_variables(assign: Assign, task_path: str) -> dict[str, str]:
    folder = {"NICE_TASK_PATH": task_path} if task_path else {}
    return {
        "NICE_RUN_ID": assign.run,
        "NICE_IDEMPOTENCY_KEY": assign.run,
        "NICE_ATTEMPT": str(assign.attempt),
        "NICE_EPOCH": str(assign.epoch),
        "NICE_TASK": assign.task,
        "NICE_NAMESPACE": assign.namespace,
        **folder,
    }
