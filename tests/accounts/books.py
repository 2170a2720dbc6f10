"""What a database of the product says, read in one consistent transaction and judged elsewhere."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule import Timetable
from nice_operator.domain.task import TaskSpec
from nice_operator.engine import timetables
from nice_operator.resources import spec_from_manifest
from nice_operator.store.manifests import parse
from nice_operator.store.tables import attempts, runs, task_versions, tasks, worker_sessions
from nice_operator.store.times import from_micros

Row = sa.Row[Any]
SECOND = 1_000_000
"""Microseconds."""

_RUN_COLUMNS = (
    "id", "task_id", "generation", "fire_key", "scheduled_for", "state", "reason", "trigger", "attempt",
    "lost_count", "epoch", "session", "lease_until", "available_at", "active_key", "waiting", "created_at",
    "started_at", "finished_at", "missed_first", "missed_last", "missed_count",
)  # fmt: skip
_ATTEMPT_COLUMNS = (
    "run_id", "epoch", "stale", "number", "session", "claimed_at", "started_at", "ended_at", "outcome_id",
    "state", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Version:
    """A good version of a task. ``since``: when it was recorded, in microseconds since 1970."""

    generation: int
    since: int
    spec: TaskSpec
    timetable: Timetable


@dataclass(frozen=True)
class TaskBook:
    """A task, its good versions in order, its runs in order, all times in microseconds since 1970."""

    row: Row
    versions: Sequence[Version]
    runs: Sequence[Row]

    @property
    def name(self) -> str:
        """As people call it; a deleted one by its identifier too, as its name may have been given again."""
        gone = "" if self.row.living else f" (deleted, {self.row.id})"
        return f"{self.row.namespace}/{self.row.name}{gone}"

    def version(self, generation: int) -> Version | None:
        """The good version of that generation."""
        return next((each for each in self.versions if each.generation == generation), None)


@dataclass(frozen=True)
class Books:
    """Everything that is judged. ``now`` is the database's clock; ``attempts`` by run, oldest first,
    ``refused`` the reports that came too late; ``strays`` are runs of tasks that are not there."""

    now: int
    tasks: Sequence[TaskBook]
    attempts: Mapping[UUID, Sequence[Row]]
    refused: Sequence[Row]
    strays: Sequence[Row]
    open_sessions: frozenset[UUID]

    @property
    def runs(self) -> Sequence[Row]:
        """Those of all tasks."""
        return [run for task in self.tasks for run in task.runs]


def read(url: str) -> Books:
    """The books of the database at ``url`` (mysql+pymysql://… or sqlite:///…)."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name != "sqlite":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                return _books(connection)
    finally:
        engine.dispose()


def _books(connection: sa.Connection) -> Books:
    now = _now(connection)
    by_task = _grouped(connection, _chosen(runs, _RUN_COLUMNS).order_by(runs.c.id), "task_id")
    versions = _grouped(connection, sa.select(task_versions).order_by(task_versions.c.generation), "task_id")
    found = [
        TaskBook(row, _good_versions(row, versions.get(row.id, ())), by_task.pop(row.id, ()))
        for row in connection.execute(sa.select(tasks).order_by(tasks.c.namespace, tasks.c.name))
    ]
    told = connection.execute(
        _chosen(attempts, _ATTEMPT_COLUMNS).order_by(attempts.c.run_id, attempts.c.epoch)
    ).all()
    executed: dict[UUID, list[Row]] = defaultdict(list)
    for attempt in told:
        if not attempt.stale:
            executed[attempt.run_id].append(attempt)
    living = sa.select(worker_sessions.c.id).where(worker_sessions.c.closed_at.is_(None))
    return Books(
        now,
        found,
        executed,
        [attempt for attempt in told if attempt.stale],
        [run for left in by_task.values() for run in left],
        frozenset(row.id for row in connection.execute(living)),
    )


def _now(connection: sa.Connection) -> int:
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1_000  # its clock is this machine's
    text = "SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS SIGNED)"
    return int(connection.execute(sa.text(text)).scalar_one())


def _chosen(table: sa.Table, columns: Sequence[str]) -> sa.Select[Any]:
    return sa.select(*(table.c[name] for name in columns))


def _grouped(connection: sa.Connection, query: sa.Select[Any], by: str) -> dict[UUID, Sequence[Row]]:
    found: dict[UUID, list[Row]] = defaultdict(list)
    for row in connection.execute(query):
        found[getattr(row, by)].append(row)
    return dict(found)


def _good_versions(task: Row, stored: Sequence[Row]) -> list[Version]:
    """Those that can be read; one that was refused changes nothing, and the last good one goes on."""
    anchor = None if task.anchor_at is None else from_micros(task.anchor_at)
    good: list[Version] = []
    for row in stored:
        if row.generation > task.generation:
            continue  # refused for another reason, as a pool that does not admit it
        try:
            spec = spec_from_manifest(parse(row.manifest), namespace=task.namespace, name=task.name)
            table = timetables.of_spec(spec, task.namespace, task.name, anchor)
        except InvalidInput:
            continue
        good.append(Version(row.generation, row.created_at, spec, table))
    return good
