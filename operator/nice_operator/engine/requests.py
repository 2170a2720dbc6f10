"""Requests for runs on demand, checked and turned into what the store takes. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from nice_operator.domain.errors import Conflict, InvalidInput
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.payload import parse_json, validate_payload
from nice_operator.domain.run import SCHEDULED_KEY, Requester, Run
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.ports import NewRun

REQUEST_KEY = "m:"
"""How the fire keys of requests begin that shall run now."""
LONGEST_KEY = 80
"""Bytes of an Idempotency-Key that is kept as it is; a longer one is kept as its digest."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Somebody wants ``task`` to run. ``payload`` is JSON text (None: the task's default);
    ``available_at`` in the future schedules it; ``scheduled``: it is a job for that time, which has an id to
    take it back by and tells its worker when it was meant to be. ``names_payload``: a worker outside is told
    the payload even when it is the task's own null (over HTTP the key ``options`` is never missing).
    ``exact``: not if ``task`` has changed meanwhile."""

    task: Task
    payload: str | None
    requester: Requester
    idempotency_key: str | None = None
    available_at: datetime | None = None
    scheduled: bool = False
    names_payload: bool = False
    exact: bool = False


def new_run(request: RunRequest) -> NewRun:
    """Raises Conflict for a task that cannot run, InvalidInput for a payload that it refuses."""
    payload = checked_payload(request.task, request.payload)
    run_id = RunId(uuid7())
    kind = SCHEDULED_KEY if request.scheduled else REQUEST_KEY
    key = f"{kind}{run_id if request.idempotency_key is None else _short(request.idempotency_key)}"
    given = request.names_payload or request.payload is not None
    return NewRun(
        run_id,
        request.task,
        key,
        payload,
        request.requester,
        request.available_at,
        payload_given=given,
        exact=request.exact,
    )


def rerun_of(parent: Run, task: Task, payload: str | None, requester: Requester) -> NewRun:
    """The same once more, by the task's present version. Each call is a run of its own."""
    checked = checked_payload(task, parent.payload if payload is None else payload)
    run_id = RunId(uuid7())
    given = parent.payload_given or payload is not None
    key = f"r:{parent.id.hex}:{run_id.hex}"
    return NewRun(run_id, task, key, checked, requester, rerun_of=parent.id, payload_given=given)


def annotation_key(value: str) -> str:
    """The fire key of a ``run-requested-at`` value: the same value never runs twice."""
    return f"a:{hashlib.sha256(value.encode()).hexdigest()[:40]}"


def _short(key: str) -> str:
    encoded = key.encode()
    return key if len(encoded) <= LONGEST_KEY else f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def checked_payload(task: Task, payload: str | None) -> str:
    """The payload as it will be kept, checked by the task's schema."""
    spec = runnable_spec(task)
    text = spec.payload if payload is None else payload
    value = parse_json(text)
    problems = tuple(validate_payload(spec.payload_schema, value)) if spec.payload_schema is not None else ()
    if problems:
        found = "; ".join(str(problem) for problem in problems)
        raise InvalidInput(
            f"the payload does not fit the payloadSchema of task {task.namespace}/{task.name}: {found}",
            problems,
        )
    return text


def runnable_spec(task: Task) -> TaskSpec:
    """The spec, or Conflict when the task never had a good version."""
    if task.spec is None:
        raise Conflict(
            f"task {task.namespace}/{task.name} cannot run: {task.stalled or 'its definition is not valid'}; "
            "mend its definition first"
        )
    return task.spec
