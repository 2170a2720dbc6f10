"""Rows of ``tasks`` as values of the domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.store.manifests import parse
from nice_operator.store.tables import task_versions, tasks
from nice_operator.store.times import from_micros, maybe_datetime
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Version, VersionKey, Versions

Row = sa.Row[Any]


def to_tasks(tx: Tx, versions: Versions, rows: Sequence[Row]) -> list[Task]:
    """Rows of ``tasks`` with their last good version; without one, the manifest last seen is shown."""
    good = versions.many(tx, [VersionKey(row.id, row.generation) for row in rows if row.generation])
    return [_to_task(tx, row, good.get(VersionKey(row.id, row.generation))) for row in rows]


def to_task(tx: Tx, versions: Versions, row: Row) -> Task:
    """The same for one row."""
    return to_tasks(tx, versions, [row])[0]


def read_manifest(tx: Tx, task_id: UUID, generation: int) -> JsonObject | None:
    """A version's spec as written, None when it is not kept any more."""
    row = tx.first(
        sa.select(task_versions.c.manifest).where(
            task_versions.c.task_id == task_id, task_versions.c.generation == generation
        )
    )
    return None if row is None else parse(row.manifest)


def living_row(tx: Tx, namespace: str, name: str) -> Row | None:
    """The living task of that name."""
    return tx.first(
        sa.select(tasks).where(tasks.c.namespace == namespace, tasks.c.name == name, tasks.c.living == 1)
    )


def locked_row(tx: Tx, task_id: UUID) -> Row | None:
    """The task's row, which from now on nobody else changes: whoever admits runs holds it."""
    rows = tx.locked(sa.select(tasks).where(tasks.c.id == task_id))
    return rows[0] if rows else None


def _to_task(tx: Tx, row: Row, version: Version | None) -> Task:
    manifest: JsonObject | None
    spec: TaskSpec | None
    if version is None:
        manifest, spec = read_manifest(tx, row.id, row.observed_generation), None
    else:
        manifest, spec = version.manifest, version.spec
    return Task(
        id=TaskId(row.id),
        namespace=row.namespace,
        name=row.name,
        uid=row.uid,
        generation=row.generation,
        observed_generation=row.observed_generation,
        spec=spec,
        manifest={} if manifest is None else manifest,
        origin=row.origin,
        stalled=row.stalled,
        next_fire_at=maybe_datetime(row.next_fire_at),
        anchor_at=maybe_datetime(row.anchor_at),
        first_seen_at=from_micros(row.first_seen_at),
        deleted_at=maybe_datetime(row.deleted_at),
        fired=row.fired,
    )
