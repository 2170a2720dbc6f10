"""Domain values as documents of ``/api/v1``: camelCase, times in RFC 3339 UTC, payloads digit for digit but
for what looks secret in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from nice_operator.domain.isolation import weakness
from nice_operator.domain.run import Attempt, HostFacts, LogSummary, MissedSpan, Run, Usage
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.domain.timeout import format_duration
from nice_operator.engine.loops import Health
from nice_operator.engine.workers import WorkerInfo
from nice_operator.ports import Lead, LogChunk
from nice_operator.web.schedules import in_words
from nice_protocol.secrecy.members import masked_json


def stamp(at: datetime | None) -> str | None:
    """RFC 3339 with milliseconds and ``Z``."""
    return (
        None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _raw(text: str | None) -> Any:
    return None if text is None else orjson.Fragment(text)


def _shown(text: str | None) -> Any:
    return None if text is None else orjson.Fragment(masked_json(text))


def run_document(run: Run, *, reveal: bool = False) -> dict[str, Any]:
    """Everything about a run but its attempts. ``reveal``: the result as it is."""
    duration = run.duration
    return {
        "id": str(run.id),
        "namespace": run.namespace,
        "task": run.task,
        "generation": run.generation,
        "state": run.state.value,
        "final": run.state.final,
        "reason": run.reason,
        "message": run.message,
        "requestedBy": {
            "trigger": run.requester.trigger.value,
            "name": run.requester.name,
            "email": run.requester.email,
        },
        "scheduledFor": stamp(run.scheduled_for),
        "createdAt": stamp(run.created_at),
        "availableAt": stamp(run.available_at),
        "startedAt": stamp(run.started_at),
        "finishedAt": stamp(run.finished_at),
        "deadlineAt": stamp(run.deadline_at),
        "cancelRequestedAt": stamp(run.cancel_requested_at),
        "durationSeconds": None if duration is None else duration.total_seconds(),
        "attempt": run.attempt,
        "maxAttempts": run.max_attempts,
        "queue": run.queue,
        "priority": run.priority,
        "worker": run.worker,
        "host": _host(run.host),
        "exitCode": run.exit_code,
        "signal": run.signal,
        "usage": _usage(run.usage),
        "log": log_document(run.log),
        "blockedBy": None if run.blocked_by is None else str(run.blocked_by),
        "rerunOf": None if run.rerun_of is None else str(run.rerun_of),
        "missed": _missed(run.missed),
        "payload": _shown(run.payload),
        "result": _raw(run.result) if reveal else _shown(run.result),
    }


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    """One execution; ``stale`` marks a late report that was refused and kept as evidence."""
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "claimedAt": stamp(attempt.claimed_at),
        "startedAt": stamp(attempt.started_at),
        "endedAt": stamp(attempt.ended_at),
        "state": None if attempt.state is None else attempt.state.value,
        "reason": attempt.reason,
        "message": attempt.message,
        "exitCode": attempt.exit_code,
        "signal": attempt.signal,
        "stoppedBy": attempt.stopped_by,
        "host": _host(attempt.host),
        "usage": _usage(attempt.usage),
        "log": log_document(attempt.log),
        "stale": attempt.stale,
    }


def task_document(task: Task, last_runs: Sequence[Run], active: int) -> dict[str, Any]:
    """A task as lists show it; ``lastRuns`` newest first."""
    return {
        "namespace": task.namespace,
        "name": task.name,
        "generation": task.generation,
        "observedGeneration": task.observed_generation,
        "origin": task.origin,
        "stalled": task.stalled,
        "nextFireAt": stamp(task.next_fire_at),
        "firstSeenAt": stamp(task.first_seen_at),
        "active": active,
        "scheduleInWords": in_words(task),
        "lastRuns": [_short(run) for run in last_runs],
        **(_spec(task.spec) if task.spec else {}),
    }


def _spec(spec: TaskSpec) -> dict[str, Any]:
    return {
        "taskName": spec.task_name,
        "description": spec.description,
        "schedules": list(spec.schedules),
        "runAt": stamp(spec.run_at),
        "timeZone": spec.time_zone,
        "suspended": spec.suspend,
        "timeoutSeconds": spec.timeout.total_seconds(),
        "timeoutInWords": format_duration(spec.timeout),
        "concurrencyPolicy": spec.concurrency.policy.value,
        "maxConcurrency": spec.concurrency.limit,
        "queue": spec.queue,
        "payload": _shown(spec.payload),
    }


def _short(run: Run) -> dict[str, Any]:
    duration = run.duration
    return {
        "id": str(run.id),
        "state": run.state.value,
        "reason": run.reason,
        "createdAt": stamp(run.created_at),
        "startedAt": stamp(run.started_at),
        "finishedAt": stamp(run.finished_at),
        "durationSeconds": None if duration is None else duration.total_seconds(),
    }


def chunk_document(chunk: LogChunk) -> dict[str, Any]:
    """Log lines as they were written; see ``ports.LogChunk``."""
    return {
        "first": chunk.first,
        "lines": chunk.lines,
        "at": stamp(chunk.at),
        "stream": chunk.stream,
        "text": chunk.text,
        **({} if chunk.shown is None else {"shown": list(chunk.shown)}),
    }


def worker_document(worker: WorkerInfo) -> dict[str, Any]:
    """A connected worker and what it holds."""
    return {
        "name": worker.worker,
        "session": str(worker.session),
        "pool": worker.pool,
        "labels": worker.labels,
        "facts": dict(worker.facts),
        "weakness": weakness(worker.facts) or None,
        "slots": worker.slots,
        "free": worker.free,
        "draining": worker.draining,
        "connectedAt": stamp(worker.connected_at),
        "replica": worker.replica or None,
        "runs": [
            {"id": str(run.id), "namespace": run.namespace, "task": run.task, "attempt": run.attempt}
            for run in worker.runs
        ],
    }


def health_document(health: Health) -> dict[str, Any]:
    """A service or a duty."""
    return {
        "name": health.name,
        "running": health.running,
        "failures": health.failures,
        "lastError": health.last_error or None,
        "silentForSeconds": round(health.silent_for, 3),
    }


def lead_document(lead: Lead | None) -> dict[str, Any] | None:
    """Who leads; None when nobody does."""
    if lead is None or not lead.lasts:
        return None
    return {"name": lead.term.holder, "term": lead.term.number, "since": stamp(lead.since)}


def _host(host: HostFacts | None) -> dict[str, Any] | None:
    if host is None:
        return None
    load = None if host.load_average is None else list(host.load_average)
    return {"name": host.name, "freeMemory": host.free_memory, "loadAverage": load}


def _usage(usage: Usage) -> dict[str, Any]:
    return {"cpuSeconds": usage.cpu_seconds, "peakMemory": usage.peak_memory}


def log_document(log: LogSummary | None) -> dict[str, Any] | None:
    """How long a log is and what it lacks; None while that is not known."""
    if log is None:
        return None
    return {"lines": log.lines, "complete": log.complete, "gaps": [list(gap) for gap in log.gaps]}


def _missed(span: MissedSpan | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {"first": stamp(span.first), "last": stamp(span.last), "count": span.count}
