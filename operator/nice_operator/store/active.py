"""What waits or runs, in figures: for the dispatcher's pace and for lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa

from nice_operator.domain.ids import TaskId
from nice_operator.domain.run import ACTIVE_STATES, RunState
from nice_operator.store.tables import runs, tasks
from nice_operator.store.tx import Tx


def next_available(tx: Tx) -> timedelta | None:
    """How long until the next queued run's time comes (a retry, a request for later); None without one."""
    later = (runs.c.state == RunState.QUEUED, runs.c.available_at > tx.now)
    row = tx.first(sa.select(sa.func.min(runs.c.available_at).label("at")).where(*later))
    return None if row is None or row.at is None else timedelta(microseconds=row.at - tx.now)


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
