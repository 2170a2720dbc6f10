"""Definitions and their fires: what the engine asks of the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nice_operator.domain.errors import Problem
from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import JsonObject, MissedSpan
from nice_operator.domain.task import Task, TaskDefinition


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan for a definition was made from: the living task of its uid as it was read; all None and 0
    when there was none."""

    task: TaskId | None = None
    generation: int = 0
    next_fire_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PutTask:
    """Record a definition. Level-triggered and idempotent by (uid, generation): an older generation than
    the one stored changes nothing.

    ``next_fire_at`` and ``anchor_at`` are computed by the engine for the new version; they are ignored
    for a stalled definition, whose task keeps its last good version and schedule. ``missed``: planned
    moments that this version makes impossible (a runAt before the task was made, fires still due under the
    schedule that it replaces); they become one ``missed`` row in the transaction that records the version.
    ``basis``: refuse (TaskChanged) when the task is not any more what this was planned from, because somebody
    has fired it meanwhile (a moment must not be fired and missed), or when a moment that this version drops
    has become due since (it must be told). None: whatever it is.
    """

    definition: TaskDefinition
    next_fire_at: datetime | None
    anchor_at: datetime | None
    missed: MissedSpan | None = None
    missed_reason: str = ""
    missed_message: str = ""
    basis: Basis | None = None


@dataclass(frozen=True, slots=True)
class KnownTask:
    """A living task from outside: who it is, and which version of it was seen last. ``in_force``: that
    version is the one that runs, so nothing about it is stalled."""

    namespace: str
    name: str
    uid: str
    observed_generation: int
    task_name: str
    origin: str
    in_force: bool


@dataclass(frozen=True, slots=True)
class DueTask:
    """A task whose next fire has come."""

    task: Task
    due: datetime


@dataclass(frozen=True, slots=True)
class PlannedFire:
    """One moment that becomes a run (or a skipped row): its key (``c:…``, ``o:…``) and planned time."""

    key: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FirePlan:
    """What one due task shall do, in one transaction.

    Guards: the stored next fire equals ``due``, the generation equals, it is not suspended. ``fires``
    oldest first; ``wait_for_siblings`` makes fires after the first wait instead of being skipped
    (catchUp: All under Forbid). ``missed`` becomes one row of its own.
    """

    task: Task
    due: datetime
    next_fire_at: datetime | None
    fires: tuple[PlannedFire, ...]
    missed: MissedSpan | None = None
    missed_reason: str = ""
    missed_message: str = ""
    wait_for_siblings: bool = False


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file of definitions that could not be read as it should be. ``path`` is relative to its folder."""

    path: str
    problems: tuple[Problem, ...]


class TaskStore(Protocol):
    """Definitions and their versions."""

    async def now(self) -> datetime:
        """The database's clock."""
        ...

    async def put_task(self, put: PutTask) -> Task: ...

    async def delete_task(self, task_id: TaskId) -> Task | None:
        """Soft-delete (T14): no more fires, queued runs cancelled, running ones told to stop."""
        ...

    async def get_task(self, namespace: str, name: str) -> Task | None:
        """By metadata.name; deleted tasks are not found."""
        ...

    async def find_task(self, namespace: str, task_name: str) -> Task | None:
        """By ``spec.taskName``, the name of the job API."""
        ...

    async def get_task_by_id(self, task_id: TaskId) -> Task | None: ...

    async def list_tasks(self, namespace: str | None = None) -> Sequence[Task]:
        """Living tasks by namespace and name."""
        ...

    async def known_tasks(self) -> Sequence[KnownTask]:
        """Every living task without its inside, in no order: cheap, however many there are."""
        ...

    async def tasks_named(self, names: Collection[tuple[str, str]]) -> Sequence[Task]:
        """The living among these (namespace, name), in no order."""
        ...

    async def tasks_with_uids(self, uids: Collection[str]) -> Sequence[Task]:
        """The living among these, in no order."""
        ...

    async def get_version(self, task_id: TaskId, generation: int) -> JsonObject | None:
        """The spec as written, of one generation, kept while any run refers to it."""
        ...

    async def last_request(self, task_id: TaskId) -> str | None:
        """The fire key of the last request that the task's annotation carried, None if it never did."""
        ...

    async def note_request(self, task_id: TaskId, key: str) -> None:
        """Remember a request that was answered, for longer than its run is kept."""
        ...


class FireStore(Protocol):
    """Schedules: what is due, and firing it exactly once."""

    async def due_tasks(self, limit: int) -> tuple[datetime, Sequence[DueTask]]:
        """The database's now, and due tasks, oldest due first."""
        ...

    async def next_due(self) -> datetime | None: ...

    async def get_ready(self, after: datetime, until: datetime) -> None:
        """Read what firing the tasks that are due later than ``after``, up to ``until``, will need. It saves
        them time then, and nothing else; what changes meanwhile is read as if this had not been."""
        ...

    async def fire(self, plans: Sequence[FirePlan]) -> int:
        """Apply plans in one transaction; returns how many held their guards (T1, T1b, T2)."""
        ...
