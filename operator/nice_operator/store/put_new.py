"""Recording many tasks that were never seen before: what a first start on a large folder does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.ports import PutTask
from nice_operator.store.put_task import birth, version_row
from nice_operator.store.tables import task_versions, tasks
from nice_operator.store.task_rows import to_tasks
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions, key_of, version_of

Words = set[tuple[str, ...]]

_SAME_UID = sa.select(tasks.c.uid).where(tasks.c.uid.in_(sa.bindparam("uids", expanding=True)))
_SAME_NAMES = sa.select(tasks.c.namespace, tasks.c.name).where(
    sa.tuple_(tasks.c.namespace, tasks.c.name).in_(sa.bindparam("names", expanding=True)),
    tasks.c.living == 1,
)
_SAME_TASK_NAMES = sa.select(tasks.c.namespace, tasks.c.task_name).where(
    sa.tuple_(tasks.c.namespace, tasks.c.task_name).in_(sa.bindparam("names", expanding=True)),
    tasks.c.living == 1,
)
_TASKS = sa.select(tasks).where(tasks.c.id.in_(sa.bindparam("ids", expanding=True)))


def new_together(tx: Tx, versions: Versions, puts: Mapping[int, PutTask]) -> dict[int, Task]:
    """The good definitions with a new uid and names that nobody has; the others are left out."""
    fresh = _fresh(tx, {place: put for place, put in puts.items() if _simple(put)})
    if not fresh:
        return {}
    rows = {place: birth(tx, put, put.definition.generation or 1) for place, put in fresh.items()}
    tx.write(sa.insert(tasks), rows.values())
    written = {place: _version(tx, fresh[place], row) for place, row in rows.items()}
    tx.write(sa.insert(task_versions), written.values())
    versions.keep({key_of(row): version_of(fresh[place].definition, row) for place, row in written.items()})
    stored = tx.all(_TASKS, {"ids": [row["id"] for row in rows.values()]})
    by_id = {task.id: task for task in to_tasks(tx, versions, stored)}
    return {place: by_id[row["id"]] for place, row in rows.items()}


def _simple(put: PutTask) -> bool:
    return put.definition.spec is not None and put.missed is None


def _fresh(tx: Tx, puts: Mapping[int, PutTask]) -> dict[int, PutTask]:
    """Those that share no uid and no name, with the stored ones or among themselves."""
    words = {place: _words(put.definition) for place, put in puts.items()}
    taken = _taken(tx, list(words.values())) if words else set()
    fresh: dict[int, PutTask] = {}
    for place, its_words in words.items():
        if taken.isdisjoint(its_words):
            fresh[place] = puts[place]
        taken.update(its_words)
    return fresh


def _words(definition: TaskDefinition) -> Sequence[tuple[str, ...]]:
    """What must be unique: the uid, the name, the name for the job API."""
    assert definition.spec is not None  # noqa: S101  only good definitions come here
    namespace = definition.namespace
    return (
        ("uid", definition.uid),
        ("name", namespace, definition.name),
        ("taskName", namespace, definition.spec.task_name),
    )


def _taken(tx: Tx, words: Sequence[Sequence[tuple[str, ...]]]) -> Words:
    uids, names, task_names = ([word[1:] for word in column] for column in zip(*words, strict=True))
    found: Words = {("uid", row.uid) for row in tx.all(_SAME_UID, {"uids": [uid for (uid,) in uids]})}
    found |= {("name", row.namespace, row.name) for row in tx.all(_SAME_NAMES, {"names": names})}
    found |= {
        ("taskName", row.namespace, row.task_name) for row in tx.all(_SAME_TASK_NAMES, {"names": task_names})
    }
    return found


def _version(tx: Tx, put: PutTask, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return version_row(tx, row["id"], row["generation"], put.definition)
