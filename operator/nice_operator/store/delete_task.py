"""Soft-deleting a task (T14): it fires no more, what waits is cancelled, what runs is asked to stop, and its
history stays."""

from __future__ import annotations

from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.task import Task
from nice_operator.store.cancel import cancel_all
from nice_operator.store.tables import tasks
from nice_operator.store.task_rows import locked_row, to_task
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions


def delete_task(tx: Tx, versions: Versions, task_id: TaskId) -> Task | None:
    """The task as it was before, or None when there is no living one."""
    row = locked_row(tx, task_id)
    if row is None or row.living is None:
        return None
    task = to_task(tx, versions, row)
    delete_row(tx, task_id)
    return task


def delete_row(tx: Tx, task_id: UUID) -> None:
    """The transition itself."""
    locked_row(tx, task_id)
    tx.write(
        sa.update(tasks)
        .where(tasks.c.id == task_id, tasks.c.living == 1)
        .values(living=None, deleted_at=tx.now, next_fire_at=None)
    )
    cancel_all(tx, task_id, Reason.TASK_DELETED, sentence(Reason.TASK_DELETED))
