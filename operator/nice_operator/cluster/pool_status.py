"""A pool's status as it is written: what is said of it now, and since when."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nice_operator.ports import PoolCondition, PoolStatus

LONGEST_MESSAGE = 4096
"""What the resource's schema allows."""


def status_of(old: Mapping[str, Any], status: PoolStatus) -> dict[str, Any]:
    """The status after ``old``; a condition whose status is the same keeps its time."""
    before = {each.get("type"): each for each in old.get("conditions") or () if isinstance(each, dict)}
    return {
        "observedGeneration": status.generation,
        "workers": status.workers,
        "busySlots": status.busy,
        "queued": status.queued,
        "conditions": [
            _condition(before.get(each.type, {}), each, status.generation) for each in status.conditions
        ],
    }


def _condition(before: Mapping[str, Any], said: PoolCondition, generation: int) -> dict[str, Any]:
    status = str(said.status)
    same = before.get("status") == status and before.get("lastTransitionTime")
    return {
        "type": said.type,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": same or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": said.reason,
        "message": said.message[:LONGEST_MESSAGE],
    }
