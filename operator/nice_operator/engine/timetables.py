"""A task's timetable, from its spec and what the database keeps of its schedule."""

from __future__ import annotations

from datetime import datetime

from nice_operator.domain.schedule import Timetable, timetable_of
from nice_operator.domain.task import Task, TaskSpec


def hash_key(namespace: str, name: str) -> str:
    """What ``H`` spreads by: the name, so that a task that is deleted and applied again keeps its minute."""
    return f"{namespace}/{name}"


def timetable(task: Task) -> Timetable | None:
    """None for a task without a good version."""
    if task.spec is None:
        return None
    return of_spec(task.spec, task.namespace, task.name, task.anchor_at)


def of_spec(spec: TaskSpec, namespace: str, name: str, anchor: datetime | None) -> Timetable:
    """The timetable of a version."""
    return timetable_of(spec, hash_key=hash_key(namespace, name), anchor=anchor)
