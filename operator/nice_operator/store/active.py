"""What waits or runs, in figures: for the dispatcher's pace and for lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import ACTIVE_STATES, RunState
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import runs, tasks
from nice_operator.store.tx import Tx

_EARLIEST = Prepared(
    sa.select(sa.func.min(runs.c.available_at).label("at")).where(
        runs.c.state == RunState.QUEUED, runs.c.available_at > sa.bindparam("now")
    )
)


def next_available(tx: Tx) -> timedelta | None:
    """How long until the next queued run's time comes (a retry, a request for later); None without one."""
    (row,) = _EARLIEST.all(tx, {"now": tx.now})
    return None if row.at is None else timedelta(microseconds=row.at - tx.now)


def active_counts(tx: Tx, namespace: str | None) -> Mapping[TaskId, int]:
    """Queued, claimed and running runs of each task that has any."""
    query = (
        sa.select(runs.c.task_id, sa.func.count().label("active"))
        .where(runs.c.state.in_(ACTIVE_STATES))
        .group_by(runs.c.task_id)
    )
    if namespace is not None:
        query = query.join(tasks, tasks.c.id == runs.c.task_id).where(tasks.c.namespace == namespace)
    return {TaskId(row.task_id): row.active for row in tx.all(query)}
