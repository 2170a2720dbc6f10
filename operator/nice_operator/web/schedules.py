"""A task's schedule in words."""

from __future__ import annotations

from datetime import datetime

from nice_operator.domain.schedule import describe, next_changes
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.engine.timetables import timetable


def in_words(spec: TaskSpec) -> str:
    """All of a task's schedules, as "At 02:00, Monday to Friday"; "Manual" when time alone never runs it."""
    if spec.run_at is not None:
        return f"Once, at {spec.run_at.isoformat(timespec='minutes')}"
    words = [describe(schedule, spec.time_zone) for schedule in spec.schedules]
    return " · ".join(words) or "Manual"


def clock_changes(task: Task, now: datetime) -> list[str]:
    """What the next changes of the clocks do to the task."""
    if task.spec is None or not task.spec.schedules:
        return []
    known = timetable(task)
    return [change.text for change in next_changes(known, now)] if known else []
