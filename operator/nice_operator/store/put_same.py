"""Many definitions told again without a change: what every restart and every sweep does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.ports import PutTask
from nice_operator.store.manifests import same
from nice_operator.store.tables import tasks
from nice_operator.store.task_rows import to_tasks
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Version, VersionKey, Versions

Row = sa.Row[Any]

_BY_UID = sa.select(tasks).where(tasks.c.uid.in_(sa.bindparam("uids", expanding=True)))


def same_together(tx: Tx, versions: Versions, puts: Sequence[PutTask]) -> dict[int, Task]:
    """The definitions that are stored just so, with the tasks that they made; writes nothing."""
    stored = tx.all(_BY_UID, {"uids": sorted({put.definition.uid for put in puts})})
    rows = {row.uid: row for row in stored if row.generation and row.generation == row.observed_generation}
    known = versions.many(tx, [VersionKey(row.id, row.generation) for row in rows.values()])
    made = {task.uid: task for task in to_tasks(tx, versions, list(rows.values()))}
    return {
        place: made[uid]
        for place, uid in enumerate(put.definition.uid for put in puts)
        if uid in rows and _same(puts[place].definition, rows[uid], known)
    }


def _same(definition: TaskDefinition, row: Row, known: Mapping[VersionKey, Version]) -> bool:
    told = (row.origin, row.stalled) == (definition.origin, definition.stalled)
    if row.living is None or not told:
        return False
    if definition.generation:
        return bool(definition.generation <= row.observed_generation)
    return same(known[VersionKey(row.id, row.generation)].manifest, definition.manifest)
