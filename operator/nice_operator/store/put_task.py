"""Recording a definition: level-triggered, idempotent by (uid, generation)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput, Problem, TaskChanged
from nice_operator.domain.ids import uuid7
from nice_operator.domain.task import UNDECLARED, Task, TaskDefinition
from nice_operator.ports import Basis, PutTask
from nice_operator.store.delete_task import delete_row
from nice_operator.store.manifests import render, same
from nice_operator.store.new_runs import missed, missed_key, planned
from nice_operator.store.slots import promote
from nice_operator.store.tables import runs, task_versions, tasks
from nice_operator.store.task_rows import living_row, read_manifest, to_task
from nice_operator.store.times import maybe_datetime, maybe_micros, to_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]


def put_task(tx: Tx, versions: Versions, put: PutTask) -> Task:
    """Make the task what the definition says, and return it.

    A new uid under a name in use is a new task; the old one is deleted (T14). A uid that was deleted
    comes back to life. Raises InvalidInput when another living task has the same ``spec.taskName``, and
    TaskChanged when the plan was made from another state of the task.
    """
    definition = put.definition
    row = _by_uid(tx, definition.uid)
    if row is not None and _nothing_new(tx, definition, row):
        return to_task(tx, versions, row)
    _refuse_outdated(tx, put, row)
    other = living_row(tx, definition.namespace, definition.name)
    replaced = None if other is None or (row is not None and other.id == row.id) else other.id
    _claim_task_name(tx, definition, {None if row is None else row.id, replaced})
    if replaced is not None:
        delete_row(tx, replaced)
    task_id = _insert(tx, put) if row is None else _update(tx, put, row)
    stored = tx.first(sa.select(tasks).where(tasks.c.id == task_id))
    assert stored is not None  # noqa: S101  written in this transaction
    promote(tx, versions, stored)  # the new version may admit more at a time
    return to_task(tx, versions, stored)


def _nothing_new(tx: Tx, definition: TaskDefinition, row: Row) -> bool:
    """The usual case of a source that tells everything again: answered by one query or two."""
    if row.living is None or (definition.spec is not None and row.generation != row.observed_generation):
        return False
    if (row.origin, row.stalled) != (definition.origin, definition.stalled):
        return False
    generation = definition.generation or _next_generation(tx, definition, row)
    return generation <= int(row.observed_generation)


def outdated(tx: Tx, put: PutTask, row: Row | None) -> bool:
    """Whether the task is not any more what its plan was made from, or a moment has become due since of which
    the plan knows nothing. The row is locked: from here to the commit nobody else fires it."""
    if put.basis is None or put.definition.spec is None:
        return False
    if row is None or row.living is None:
        return put.basis != Basis()
    found = Basis(row.id, row.generation, maybe_datetime(row.next_fire_at))
    return found != put.basis or _due_since(tx, put, row)


def _due_since(tx: Tx, put: PutTask, row: Row) -> bool:
    due: int | None = row.next_fire_at
    told = None if put.missed is None else put.missed.first
    kept = due in (maybe_micros(put.next_fire_at), maybe_micros(told))
    return due is not None and due <= tx.now and not kept


def _refuse_outdated(tx: Tx, put: PutTask, row: Row | None) -> None:
    if outdated(tx, put, row):
        name = f"{put.definition.namespace}/{put.definition.name}"
        raise TaskChanged(
            f"task {name} was fired or changed while its new version was planned; plan it again"
        )


def _by_uid(tx: Tx, uid: str) -> Row | None:
    rows = tx.locked(sa.select(tasks).where(tasks.c.uid == uid))
    return rows[0] if rows else None


def _claim_task_name(tx: Tx, definition: TaskDefinition, own: set[UUID | None]) -> None:
    if definition.spec is None:
        return
    name = definition.spec.task_name
    taken = tx.first(
        sa.select(tasks.c.id, tasks.c.name, tasks.c.origin).where(
            tasks.c.namespace == definition.namespace, tasks.c.task_name == name, tasks.c.living == 1
        )
    )
    if taken is None or taken.id in own:
        return
    if taken.origin == UNDECLARED and definition.origin != UNDECLARED:
        delete_row(tx, taken.id)  # what somebody declares supersedes what nobody did
        return
    message = (
        f"expected a name that no other task of namespace {definition.namespace} has, found {name!r}, "
        f"which is the taskName of task {taken.name!r}; choose another spec.taskName for one of them"
    )
    raise InvalidInput(
        f"task {definition.namespace}/{definition.name}: spec.taskName: {message}",
        (Problem("spec.taskName", message),),
    )


def _insert(tx: Tx, put: PutTask) -> UUID:
    generation = put.definition.generation or 1
    row = birth(tx, put, generation)
    task_id: UUID = row["id"]
    tx.write(sa.insert(tasks).values(row))
    _keep_version(tx, task_id, generation, put.definition)
    _tell_missed(tx, put, task_id, generation)
    return task_id


def birth(tx: Tx, put: PutTask, generation: int) -> dict[str, Any]:
    """The row of a task that was never seen before."""
    definition = put.definition
    first = {
        "id": uuid7(),
        "namespace": definition.namespace,
        "name": definition.name,
        "uid": definition.uid,
        "first_seen_at": tx.now,
        "generation": 0,
        "suspended": 0,
        "fired": 0,
    }
    return first | _seen(definition, generation) | good_values(put, generation)


def version_row(tx: Tx, task_id: UUID, generation: int, definition: TaskDefinition) -> dict[str, Any]:
    """The row of a version."""
    return {
        "task_id": task_id,
        "generation": generation,
        "manifest": render(definition.manifest),
        "created_at": tx.now,
    }


def _update(tx: Tx, put: PutTask, row: Row) -> UUID:
    definition = put.definition
    generation = definition.generation or _next_generation(tx, definition, row)
    task_id: UUID = row.id
    if generation < row.observed_generation:
        return task_id
    if generation > row.observed_generation:
        _keep_version(tx, task_id, generation, definition)
    values = _seen(definition, generation)
    if generation != row.generation or row.deleted_at is not None:
        values |= good_values(put, generation)
        _tell_missed(tx, put, task_id, generation)
    if any(getattr(row, column) != value for column, value in values.items()):
        tx.write(sa.update(tasks).where(tasks.c.id == task_id).values(values))
    return task_id


def _next_generation(tx: Tx, definition: TaskDefinition, row: Row) -> int:
    """What generation 0 means: the next one if the manifest differs from the newest one seen."""
    newest = read_manifest(tx, row.id, row.observed_generation)
    unchanged = newest is not None and same(newest, definition.manifest)
    observed: int = row.observed_generation
    return observed if unchanged else observed + 1


def _seen(definition: TaskDefinition, generation: int) -> dict[str, Any]:
    """What any definition changes, good or not."""
    return {
        "observed_generation": generation,
        "origin": definition.origin,
        "stalled": definition.stalled,
        "living": 1,
        "deleted_at": None,
    }


def good_values(put: PutTask, generation: int) -> dict[str, Any]:
    """What a good version changes beside; nothing for a stalled one, whose last good version goes on."""
    spec = put.definition.spec
    if spec is None:
        return {}
    return {
        "generation": generation,
        "task_name": spec.task_name,
        "suspended": int(spec.suspend),
        "next_fire_at": maybe_micros(put.next_fire_at),
        "anchor_at": maybe_micros(put.anchor_at),
    }


def _tell_missed(tx: Tx, put: PutTask, task_id: UUID, generation: int) -> None:
    """One row for the planned moments that this version makes impossible, unless it is there already."""
    spec, span = put.definition.spec, put.missed
    if spec is None or span is None:
        return
    key = missed_key(span)
    if tx.first(sa.select(runs.c.id).where(runs.c.task_id == task_id, runs.c.fire_key == key)) is not None:
        return
    draft = planned(task_id, generation, spec, key, to_micros(span.first), tx.now)
    tx.write(sa.insert(runs), [missed(draft, span, put.missed_reason, put.missed_message)])


def _keep_version(tx: Tx, task_id: UUID, generation: int, definition: TaskDefinition) -> None:
    tx.write(sa.insert(task_versions).values(version_row(tx, task_id, generation, definition)))
