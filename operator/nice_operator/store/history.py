"""Retention: deleting the history that a task's limits do not keep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import RunId
from nice_operator.domain.retention import EndedRun, expendable
from nice_operator.domain.run import FINAL_STATES, RunState
from nice_operator.store.tables import attempts, runs, task_versions, tasks
from nice_operator.store.times import from_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import VersionKey, Versions

BATCH = 500
"""Rows per statement."""


def find_expendable(tx: Tx, versions: Versions, limit: int) -> Sequence[RunId]:
    """Up to ``limit`` runs that may go. Only reads: the search may be long, the deletion is short."""
    found: list[RunId] = []
    for row in tx.all(_tasks_with_history()):
        history = versions.one(tx, row.id, row.generation).spec.history
        found += expendable(history, _ended(tx, row.id), from_micros(tx.now))
        if len(found) >= limit:
            break
    return found[:limit]


def delete_runs(tx: Tx, doomed: Sequence[RunId]) -> None:
    """Delete runs that have ended, with their attempts, and the versions that nothing refers to any more."""
    ordered = sorted(doomed)
    for start in range(0, len(ordered), BATCH):
        ids = ordered[start : start + BATCH]
        tx.write(sa.delete(attempts).where(attempts.c.run_id.in_(ids)))
        tx.write(sa.delete(runs).where(runs.c.id.in_(ids), runs.c.state.in_(FINAL_STATES)))


def find_unused_versions(tx: Tx, limit: int) -> Sequence[VersionKey]:
    """Versions that are neither a task's present one nor any run's."""
    used = sa.exists().where(
        runs.c.task_id == task_versions.c.task_id, runs.c.generation == task_versions.c.generation
    )
    present = sa.exists().where(
        tasks.c.id == task_versions.c.task_id,
        sa.or_(
            tasks.c.generation == task_versions.c.generation,
            tasks.c.observed_generation == task_versions.c.generation,
        ),
    )
    query = sa.select(task_versions.c.task_id, task_versions.c.generation).where(~used, ~present)
    return [VersionKey(row.task_id, row.generation) for row in tx.all(query.limit(limit))]


def delete_versions(tx: Tx, unused: Sequence[VersionKey]) -> None:
    """Delete versions. New runs are made of present versions only, so an unused old one stays unused."""
    for key in unused:
        tx.write(
            sa.delete(task_versions).where(
                task_versions.c.task_id == key.task_id, task_versions.c.generation == key.generation
            )
        )


def _tasks_with_history() -> sa.Select[Any]:
    return sa.select(tasks.c.id, tasks.c.generation).where(tasks.c.generation > 0).order_by(tasks.c.id)


def _ended(tx: Tx, task_id: UUID) -> Sequence[EndedRun]:
    query = (
        sa.select(runs.c.id, runs.c.state, runs.c.finished_at)
        .where(runs.c.task_id == task_id, runs.c.state.in_(FINAL_STATES))
        .order_by(runs.c.id.desc())
    )
    return [
        EndedRun(RunId(row.id), RunState(row.state), from_micros(row.finished_at)) for row in tx.all(query)
    ]
