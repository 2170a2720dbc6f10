"""Rows for new runs, admitted or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from nice_operator.domain.concurrency import Refuse
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.run import MissedSpan, Requester, RunState, Trigger
from nice_operator.domain.selector import canonical
from nice_operator.domain.task import TaskSpec
from nice_operator.store.slots import slot_key
from nice_operator.store.times import to_micros

RunRow = Mapping[str, Any]

RUN_AT_KEY = "o:"
SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Draft:
    """A run about to be recorded. Times are microseconds since 1970; ``spec`` is of ``generation``."""

    id: RunId
    task_id: UUID
    generation: int
    spec: TaskSpec
    key: str
    scheduled_for: int
    available_at: int
    now: int
    requester: Requester
    payload: str
    rerun_of: RunId | None = None
    payload_given: bool = False


def planned(task_id: UUID, generation: int, spec: TaskSpec, key: str, at: int, now: int) -> Draft:
    """A run that the schedule asks for: the task's own payload, available at once."""
    trigger = Trigger.RUN_AT if key.startswith(RUN_AT_KEY) else Trigger.SCHEDULE
    return Draft(
        id=RunId(uuid7()),
        task_id=task_id,
        generation=generation,
        spec=spec,
        key=key,
        scheduled_for=at,
        available_at=now,
        now=now,
        requester=Requester(trigger),
        payload=spec.payload,
    )


def missed_key(span: MissedSpan) -> str:
    """The key of the one row that accounts for a span: the same span is never told twice."""
    return f"x:{to_micros(span.first) // SECOND}:{to_micros(span.last) // SECOND}"


def admitted(draft: Draft, slot: int | None) -> RunRow:
    """queued, and free to be claimed; ``slot`` is the one it holds, None when the task has no limit."""
    key = None if slot is None else slot_key(draft.task_id, slot)
    return _row(draft) | {"state": RunState.QUEUED, "active_key": key}


def waiting(draft: Draft, blocked_by: RunId | None) -> RunRow:
    """queued without a slot: behind another run, or (None) for a later time."""
    return _row(draft) | {"state": RunState.QUEUED, "waiting": 1, "blocked_by": blocked_by}


def skipped(draft: Draft, refusal: Refuse) -> RunRow:
    """Born final: the policy refused it, and the run in the way is named."""
    return _row(draft) | {
        "state": RunState.SKIPPED,
        "blocked_by": refusal.blocked_by.id,
        "reason": refusal.reason,
        "message": in_the_way(refusal),
        "finished_at": draft.now,
    }


def missed(draft: Draft, span: MissedSpan, reason: str, message: str) -> RunRow:
    """Born final: planned moments that were not run."""
    facts = {"count": span.count, "first": span.first.isoformat(), "last": span.last.isoformat()}
    return _row(draft) | {
        "state": RunState.MISSED,
        "missed_first": to_micros(span.first),
        "missed_last": to_micros(span.last),
        "missed_count": span.count,
        "reason": reason,
        "message": message or sentence(Reason(reason), **facts),
        "finished_at": draft.now,
    }


def in_the_way(refusal: Refuse) -> str:
    """The sentence that names the run in the way."""
    return sentence(refusal.reason, run=refusal.blocked_by.id, state=refusal.blocked_by.state)


def _row(draft: Draft) -> dict[str, Any]:
    """Every column that an INSERT names: rows of one batch must agree on them."""
    spec = draft.spec
    return {
        "id": draft.id,
        "task_id": draft.task_id,
        "generation": draft.generation,
        "fire_key": draft.key,
        "scheduled_for": draft.scheduled_for,
        "reason": "",
        "message": "",
        "trigger": draft.requester.trigger,
        "requester_name": draft.requester.name,
        "requester_email": draft.requester.email,
        "queue": spec.queue,
        "selector": canonical(spec.worker_selector),
        "priority_rank": -spec.priority,
        "attempt": 0,
        "max_attempts": spec.retry.max_attempts,
        "lost_count": 0,
        "epoch": 0,
        "available_at": draft.available_at,
        "active_key": None,
        "waiting": 0,
        "blocked_by": None,
        "created_at": draft.now,
        "finished_at": None,
        "payload": draft.payload,
        "payload_given": int(draft.payload_given),
        "missed_first": None,
        "missed_last": None,
        "missed_count": None,
        "rerun_of": draft.rerun_of,
    }
