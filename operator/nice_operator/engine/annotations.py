"""The annotation that asks for one run, ``nicecommander.dev/run-requested-at`` (safe under GitOps). Pure.

The same value never runs twice, however often it is applied. At the first sight of a task it runs only if
it is a time not before the task was made: copies and restores run nothing that was asked for earlier.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from nice_operator.domain.task import TaskDefinition

REQUESTED_AT = "nicecommander.dev/run-requested-at"
PAYLOAD = "nicecommander.dev/run-payload"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the annotations ask for. ``payload`` is JSON text, or None for the default."""

    value: str
    payload: str | None


def asked(definition: TaskDefinition) -> Asked | None:
    """The request that a definition carries, None without one."""
    value = definition.annotations.get(REQUESTED_AT, "").strip()
    return Asked(value, definition.annotations.get(PAYLOAD)) if value else None


def counts(request: Asked, made_at: datetime, *, first_sight: bool) -> bool:
    """Whether a request that the task did not carry before shall run.

    ``made_at`` is when the task was made (or first seen). At its first sight nobody can tell whether a value
    that is no time is new; later any change is one.
    """
    if not first_sight:
        return True
    moment = _moment(request.value)
    return moment is not None and moment >= made_at.replace(microsecond=0)


def _moment(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
