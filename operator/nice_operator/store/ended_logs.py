"""Which attempts are over and have lines in the database still."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import RunId, first_id_of
from nice_operator.domain.run import FINAL_STATES, RunState
from nice_operator.ports import EndedLog, EndedLogs
from nice_operator.store.tables import log_chunks, runs, tasks
from nice_operator.store.times import from_micros
from nice_operator.store.tx import Tx

_NEWEST = sa.func.max(log_chunks.c.first).label("first")


def find_ended_logs(tx: Tx, before: RunId | None, within: timedelta, limit: int) -> EndedLogs:
    """Of up to ``limit`` runs, newest first. Steps from run to run in the index: the lines are not read."""
    with_lines = sa.select(log_chunks.c.run_id).where(
        log_chunks.c.run_id >= first_id_of(from_micros(tx.now) - within)
    )
    if before is not None:
        with_lines = with_lines.where(log_chunks.c.run_id < before)
    newest_first = with_lines.group_by(log_chunks.c.run_id).order_by(log_chunks.c.run_id.desc())
    ids = [row.run_id for row in tx.all(newest_first.limit(limit))]
    following = RunId(ids[-1]) if len(ids) == limit else None
    return EndedLogs(tuple(_ended(tx, ids)) if ids else (), following)


def _ended(tx: Tx, ids: Sequence[UUID]) -> list[EndedLog]:
    known = {row.id: row for row in tx.all(_runs(ids))}
    newest = tx.all(
        sa.select(log_chunks.c.run_id, log_chunks.c.attempt, _NEWEST)
        .where(log_chunks.c.run_id.in_([run_id for run_id in ids if run_id in known]))
        .group_by(log_chunks.c.run_id, log_chunks.c.attempt)
    )
    over = [row for row in newest if _is_over(known[row.run_id], row.attempt)]
    lasts = _lasts(tx, over)
    return [
        EndedLog(
            RunId(row.run_id),
            row.attempt,
            known[row.run_id].namespace,
            known[row.run_id].name,
            lasts[row.run_id, row.attempt],
        )
        for row in sorted(over, key=lambda row: (row.run_id, row.attempt), reverse=True)
        if (row.run_id, row.attempt) in lasts
    ]


def _runs(ids: Sequence[UUID]) -> sa.Select[Any]:
    return (
        sa.select(runs.c.id, runs.c.state, runs.c.attempt, tasks.c.namespace, tasks.c.name)
        .join(tasks, tasks.c.id == runs.c.task_id)
        .where(runs.c.id.in_(ids))
    )


def _is_over(run: sa.Row[Any], attempt: int) -> bool:
    state = RunState(run.state)
    return bool(run.attempt > attempt or state in FINAL_STATES or state is RunState.QUEUED)


def _lasts(tx: Tx, newest: Sequence[sa.Row[Any]]) -> dict[tuple[UUID, int], int]:
    """The number of the last line of each."""
    if not newest:
        return {}
    keys = sa.tuple_(log_chunks.c.run_id, log_chunks.c.attempt, log_chunks.c.first)
    wanted = [(row.run_id, row.attempt, row.first) for row in newest]
    query = sa.select(log_chunks.c.run_id, log_chunks.c.attempt, log_chunks.c.last).where(keys.in_(wanted))
    return {(row.run_id, row.attempt): row.last for row in tx.all(query)}
