"""Logs of runs that are deleted. Noted in the transaction that deletes the runs, forgotten when the logs are
gone: whatever is away or dies in between, they are deleted in the end."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nice_operator.domain.ids import RunId
from nice_operator.domain.run import FINAL_STATES
from nice_operator.ports import RunLogs
from nice_operator.store.tables import orphaned_logs, runs, tasks
from nice_operator.store.tx import Tx


def note_orphaned(tx: Tx, ids: Sequence[RunId]) -> None:
    """Of these runs, which are about to be deleted, those that ever had an attempt. Locks their rows."""
    query = sa.select(runs.c.id, runs.c.task_id, runs.c.attempt).where(
        runs.c.id.in_(ids), runs.c.state.in_(FINAL_STATES), runs.c.attempt > 0
    )
    found = tx.locked(query.order_by(runs.c.id))
    names = sa.select(tasks.c.id, tasks.c.namespace, tasks.c.name)
    of = {row.id: row for row in tx.all(names.where(tasks.c.id.in_({row.task_id for row in found})))}
    tx.write(
        sa.insert(orphaned_logs),
        [
            {
                "run_id": row.id,
                "namespace": of[row.task_id].namespace,
                "task": of[row.task_id].name,
                "attempts": row.attempt,
            }
            for row in found
        ],
    )


def read_orphaned(tx: Tx, limit: int) -> Sequence[RunLogs]:
    """The oldest first."""
    rows = tx.all(sa.select(orphaned_logs).order_by(orphaned_logs.c.run_id).limit(limit))
    return [RunLogs(RunId(row.run_id), row.namespace, row.task, row.attempts) for row in rows]


def forget_orphaned(tx: Tx, ids: Sequence[RunId]) -> None:
    """Their logs are gone."""
    tx.write(sa.delete(orphaned_logs).where(orphaned_logs.c.run_id.in_(sorted(ids))))
