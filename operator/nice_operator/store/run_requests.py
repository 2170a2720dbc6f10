"""The last request for a run that a task's definition carried, so that it is answered once.

It outlives the run that it asked for: history goes, the annotation stays.
"""

from __future__ import annotations

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.store.tables import run_requests
from nice_operator.store.tx import Tx


def last_request(tx: Tx, task_id: TaskId) -> str | None:
    """The key that was noted last."""
    row = tx.first(sa.select(run_requests.c.fire_key).where(run_requests.c.task_id == task_id))
    return None if row is None else str(row.fire_key)


def note_request(tx: Tx, task_id: TaskId, key: str) -> None:
    """Remember this one instead."""
    update = sa.update(run_requests).where(run_requests.c.task_id == task_id).values(fire_key=key)
    if not tx.write(update):
        tx.write(sa.insert(run_requests).values(task_id=task_id, fire_key=key))
