"""Reading tasks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.domain.task import Task
from nice_operator.ports import DueTask, KnownTask
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import tasks
from nice_operator.store.task_rows import living_row, to_task, to_tasks
from nice_operator.store.times import from_micros, to_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import CACHED, VersionKey, Versions

_living = sa.select(tasks).where(tasks.c.living == 1)
_known = sa.select(
    tasks.c.namespace,
    tasks.c.name,
    tasks.c.uid,
    tasks.c.observed_generation,
    tasks.c.task_name,
    tasks.c.origin,
    sa.and_(tasks.c.stalled == "", tasks.c.generation == tasks.c.observed_generation).label("in_force"),
).where(tasks.c.living == 1)
_due = _living.where(tasks.c.suspended == 0, tasks.c.generation > 0, tasks.c.next_fire_at.is_not(None))


_DUE = Prepared(
    _due.where(tasks.c.next_fire_at <= sa.bindparam("now"))
    .order_by(tasks.c.next_fire_at, tasks.c.id)
    .limit(sa.bindparam("room", type_=sa.Integer))
)
_NEXT = Prepared(_due.with_only_columns(tasks.c.next_fire_at).order_by(tasks.c.next_fire_at).limit(1))

_COMING = Prepared(
    _due.with_only_columns(tasks.c.id, tasks.c.generation)
    .where(tasks.c.next_fire_at > sa.bindparam("after"), tasks.c.next_fire_at <= sa.bindparam("until"))
    .order_by(tasks.c.next_fire_at, tasks.c.id)
    .limit(sa.bindparam("room", type_=sa.Integer))
)


def get_task(tx: Tx, versions: Versions, namespace: str, name: str) -> Task | None:
    """By metadata.name."""
    return _maybe(tx, versions, living_row(tx, namespace, name))


def find_task(tx: Tx, versions: Versions, namespace: str, task_name: str) -> Task | None:
    """By spec.taskName."""
    named = _living.where(tasks.c.namespace == namespace, tasks.c.task_name == task_name)
    return _maybe(tx, versions, tx.first(named))


def get_task_by_id(tx: Tx, versions: Versions, task_id: TaskId) -> Task | None:
    """Living or deleted."""
    return _maybe(tx, versions, tx.first(sa.select(tasks).where(tasks.c.id == task_id)))


def list_tasks(tx: Tx, versions: Versions, namespace: str | None) -> Sequence[Task]:
    """The living, by namespace and name."""
    query = _living.order_by(tasks.c.namespace, tasks.c.name)
    if namespace is not None:
        query = query.where(tasks.c.namespace == namespace)
    return to_tasks(tx, versions, tx.all(query))


def known_tasks(tx: Tx) -> Sequence[KnownTask]:
    """The living, without their versions: to read those of thousands takes seconds."""
    return [
        KnownTask(
            row.namespace,
            row.name,
            row.uid,
            row.observed_generation,
            row.task_name or "",
            row.origin,
            bool(row.in_force),
        )
        for row in tx.all(_known)
    ]


def tasks_named(tx: Tx, versions: Versions, names: Collection[tuple[str, str]]) -> Sequence[Task]:
    """The living among these."""
    query = _living.where(sa.tuple_(tasks.c.namespace, tasks.c.name).in_(sorted(names)))
    return to_tasks(tx, versions, tx.all(query)) if names else ()


def tasks_with_uids(tx: Tx, versions: Versions, uids: Collection[str]) -> Sequence[Task]:
    """The living among these."""
    return to_tasks(tx, versions, tx.all(_living.where(tasks.c.uid.in_(sorted(uids))))) if uids else ()


def due_tasks(tx: Tx, versions: Versions, limit: int) -> Sequence[DueTask]:
    """Whose next fire has come, oldest first."""
    rows = _DUE.all(tx, {"now": tx.now, "room": limit})
    found = to_tasks(tx, versions, rows)
    return [DueTask(task, from_micros(row.next_fire_at)) for task, row in zip(found, rows, strict=True)]


def next_due(tx: Tx) -> int | None:
    """When the next fire is planned, in microseconds since 1970."""
    rows = _NEXT.all(tx, {})
    return int(rows[0].next_fire_at) if rows else None


def coming(tx: Tx, after: datetime, until: datetime) -> Sequence[VersionKey]:
    """The versions of tasks whose next fire is later than ``after``, up to ``until``; as many as are kept."""
    values = {"after": to_micros(after), "until": to_micros(until), "room": CACHED // 2}
    return [VersionKey(row.id, row.generation) for row in _COMING.all(tx, values)]


def _maybe(tx: Tx, versions: Versions, row: sa.Row[Any] | None) -> Task | None:
    return None if row is None else to_task(tx, versions, row)
