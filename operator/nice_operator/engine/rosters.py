"""Workers in writing: what one replica tells the others of those connected to it. JSON; what a newer or older
program leaves out has its default."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.engine.refusals import TaskVersion
from nice_operator.engine.workers import WorkerInfo, WorkerRun


def written(workers: Sequence[WorkerInfo]) -> str:
    """As text."""
    return json.dumps([_write(worker) for worker in workers], separators=(",", ":"))


def read(text: str, replica: str) -> Sequence[WorkerInfo]:
    """From text; all of them are connected to ``replica``."""
    return [_read(one, replica) for one in json.loads(text)]


def _write(worker: WorkerInfo) -> dict[str, Any]:
    return {
        "session": str(worker.session),
        "worker": worker.worker,
        "pool": worker.pool,
        "labels": worker.labels,
        "facts": dict(worker.facts),
        "slots": worker.slots,
        "free": worker.free,
        "draining": worker.draining,
        "connected": worker.connected_at.isoformat(),
        "runs": [[str(run.id), run.namespace, run.task, run.attempt] for run in worker.runs],
        "refusals": [[str(v.task_id), v.generation, why] for v, why in worker.refusals.items()],
        "queues": sorted(worker.queues),
    }


def _read(one: dict[str, Any], replica: str) -> WorkerInfo:
    return WorkerInfo(
        session=SessionId(UUID(one["session"])),
        worker=one["worker"],
        pool=one["pool"],
        labels=one.get("labels", {}),
        facts=one.get("facts", {}),
        slots=one.get("slots", 0),
        free=one.get("free", 0),
        draining=one.get("draining", False),
        connected_at=datetime.fromisoformat(one["connected"]),
        runs=tuple(WorkerRun(RunId(UUID(r[0])), r[1], r[2], r[3]) for r in one.get("runs", ())),
        refusals={TaskVersion(TaskId(UUID(r[0])), r[1]): r[2] for r in one.get("refusals", ())},
        queues=frozenset(one.get("queues", ())),
        replica=replica,
    )
