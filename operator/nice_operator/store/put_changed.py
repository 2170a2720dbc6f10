"""Recording new versions of many tasks: what a change of a template of thousands of objects does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.domain.task import Task
from nice_operator.ports import PutTask
from nice_operator.store.many_rows import EachUpdate
from nice_operator.store.put_task import good_values, outdated, version_row
from nice_operator.store.tables import runs, task_versions, tasks
from nice_operator.store.task_rows import to_tasks
from nice_operator.store.tx import Tx
from nice_operator.store.versions import VersionKey, Versions, key_of, version_of

Row = sa.Row[Any]

_LOCKED = (
    sa.select(tasks)
    .where(tasks.c.id.in_(sa.bindparam("ids", expanding=True)), tasks.c.living == 1)
    .order_by(tasks.c.id)
)
_STORED = sa.select(tasks).where(tasks.c.id.in_(sa.bindparam("ids", expanding=True)))
_IDS = sa.select(tasks.c.id).where(tasks.c.uid.in_(sa.bindparam("uids", expanding=True)), tasks.c.living == 1)
_WAITED_FOR = (
    sa.select(runs.c.task_id)
    .where(
        runs.c.task_id.in_(sa.bindparam("ids", expanding=True)),
        runs.c.state == RunState.QUEUED,
        runs.c.waiting == 1,
    )
    .distinct()
)
_CHANGE = EachUpdate(
    (tasks.c.id,),
    tuple(
        tasks.c[name]
        for name in (
            "observed_generation", "generation", "origin", "stalled", "suspended", "next_fire_at", "anchor_at"
        )
    ),
)  # fmt: skip


def changed_together(tx: Tx, versions: Versions, puts: Mapping[int, PutTask]) -> dict[int, Task]:
    """The good new versions of living tasks that keep their names, and whose concurrency nobody waits for.

    The others are left out: a stalled version, one that misses planned moments, one that takes another
    ``taskName``, a second one of the same task, one whose plan is outdated.
    """
    wanted = _one_each({place: put for place, put in puts.items() if _simple(put)})
    rows = _locked(tx, wanted)
    changes = {uid: wanted[uid] for uid, row in rows.items() if _changes(tx, wanted[uid][1], row)}
    if not changes:
        return {}
    _write(tx, versions, [(put, rows[uid]) for uid, (_, put) in changes.items()])
    stored = tx.all(_STORED, {"ids": [rows[uid].id for uid in changes]})
    return {changes[task.uid][0]: task for task in to_tasks(tx, versions, stored)}


def _simple(put: PutTask) -> bool:
    definition = put.definition
    return definition.spec is not None and put.missed is None and definition.generation > 0


def _one_each(puts: Mapping[int, PutTask]) -> dict[str, tuple[int, PutTask]]:
    """By uid, the first of each."""
    found: dict[str, tuple[int, PutTask]] = {}
    for place, put in puts.items():
        found.setdefault(put.definition.uid, (place, put))
    return found


def _locked(tx: Tx, uids: Collection[str]) -> dict[str, Row]:
    """Their rows, locked in the order of ids as everybody does; without those whose runs wait for a slot,
    which a new version may let through."""
    if not uids:
        return {}
    ids = [row.id for row in tx.all(_IDS, {"uids": sorted(uids)})]
    if not ids:
        return {}
    rows = tx.locked(_LOCKED, {"ids": sorted(ids)})
    waiting = {row.task_id for row in tx.all(_WAITED_FOR, {"ids": ids})}
    return {row.uid: row for row in rows if row.id not in waiting}


def _changes(tx: Tx, put: PutTask, row: Row) -> bool:
    definition = put.definition
    assert definition.spec is not None  # noqa: S101  only good definitions come here
    theirs = (definition.namespace, definition.name, definition.spec.task_name)
    newer = definition.generation > int(row.observed_generation)
    if not newer or theirs != (row.namespace, row.name, row.task_name):
        return False
    return not outdated(tx, put, row)


def _write(tx: Tx, versions: Versions, changes: Collection[tuple[PutTask, Row]]) -> None:
    written = [
        (put, version_row(tx, row.id, put.definition.generation, put.definition)) for put, row in changes
    ]
    replaced = [VersionKey(row.id, row.generation) for _, row in changes]
    tx.write(sa.insert(task_versions), [row for _, row in written])
    _CHANGE.write(tx, [_values(put, row.id) for put, row in changes])
    versions.keep({key_of(row): version_of(put.definition, row) for put, row in written}, replaced)


def _values(put: PutTask, task_id: UUID) -> dict[str, Any]:
    definition = put.definition
    told = {
        "observed_generation": definition.generation,
        "origin": definition.origin,
        "stalled": definition.stalled,
    }
    return {"id": task_id} | told | good_values(put, definition.generation)
