"""A task's schedule in words."""

from __future__ import annotations

from nice_operator.domain.schedule import describe
from nice_operator.domain.task import TaskSpec


def in_words(spec: TaskSpec) -> str:
    """All of a task's schedules, as "At 02:00, Monday to Friday"; "Manual" when time alone never runs it."""
    if spec.run_at is not None:
        return f"Once, at {spec.run_at.isoformat(timespec='minutes')}"
    words = [describe(schedule, spec.time_zone) for schedule in spec.schedules]
    return " · ".join(words) or "Manual"
