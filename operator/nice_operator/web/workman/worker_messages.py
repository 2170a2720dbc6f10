"""What workers say on ``/worker``, and the jobs that they are sent. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nice_operator.domain.json_members import object_members
from nice_operator.domain.strict_json import dump_json
from nice_operator.engine.external.worker import Job

TAKEN = ""
"""The answer to everything but GetTask, which is answered by a job."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RegisterTask:
    """The worker can do ``name``."""

    name: str


@dataclass(frozen=True, slots=True)
class GetTask:
    """The worker wants one job more."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """A job is done. ``result`` is JSON text, None when there is none."""

    nonce: str
    result: str | None


@dataclass(frozen=True, slots=True)
class Ignored:
    """Anything else: taken, and nothing follows."""


WorkerMessage = RegisterTask | GetTask | SendResult | Ignored


def read_message(text: str) -> WorkerMessage:
    """What a worker said. Raises InvalidInput for what is no JSON object."""
    members = object_members(text)
    values = {name: member.value for name, member in members.items()}
    match values:
        case {"action": "RegisterTask", "name": str(name)}:
            return RegisterTask(name)
        case {"action": "GetTask"}:
            return GetTask()
        case {"action": "SendResult", "nonce": str(nonce)}:
            return SendResult(nonce, members["result"].text if "result" in members else None)
    return Ignored()


def job_message(job: Job) -> str:
    """A job as its worker gets it: ``options`` if it has any, ``when`` and ``id`` if it was scheduled."""
    members = [f'"name":{dump_json(job.name)}']
    if job.options is not None:
        members.append(f'"options":{job.options}')
    members.append(f'"nonce":{dump_json(job.nonce)}')
    if job.scheduled is not None:
        id_, when = job.scheduled
        members += [f'"when":{(when - _EPOCH) // timedelta(milliseconds=1)}', f'"id":{dump_json(id_)}']
    return "{" + ",".join(members) + "}"
