"""A task's schedule in words."""

from __future__ import annotations

from datetime import datetime

from nice_operator.domain.schedule import describe, next_changes
from nice_operator.domain.task import Task
from nice_operator.engine.timetables import hash_key, timetable


def in_words(task: Task) -> str:
    """All schedules of a task, as "At 02:00, Monday to Friday"; "Manual" when time alone never runs it."""
    spec = task.spec
    if spec is None:
        return ""
    if spec.run_at is not None:
        return f"Once, at {spec.run_at.isoformat(timespec='minutes')}"
    key = hash_key(task.namespace, task.name)
    words = [describe(schedule, spec.time_zone, key) for schedule in spec.schedules]
    return " · ".join(words) or "Manual"


def clock_changes(task: Task, now: datetime) -> list[str]:
    """What the next changes of the clocks do to the task."""
    if task.spec is None or not task.spec.schedules:
        return []
    known = timetable(task)
    return [change.text for change in next_changes(known, now)] if known else []
