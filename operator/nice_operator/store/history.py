"""Retention: deleting the history that a task's limits do not keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import RunId
from nice_operator.domain.retention import EndedRun, Tally, exceeded, expendable
from nice_operator.domain.run import FINAL_STATES, RunState
from nice_operator.store.orphaned_logs import note_orphaned
from nice_operator.store.tables import attempts, runs, task_versions, tasks
from nice_operator.store.times import from_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import VersionKey, Versions

BATCH = 500
"""Rows per statement."""
TASKS = 1_000
"""Tasks that one round looks at."""


@dataclass(frozen=True, slots=True)
class Found:
    """Runs that may go, and the task after which the next round begins (None: from the first again)."""

    runs: Sequence[RunId]
    after: UUID | None


def find_expendable(
    tx: Tx, versions: Versions, limit: int, after: UUID | None, at_once: int = TASKS
) -> Found:
    """Up to ``limit`` runs of the next ``at_once`` tasks. Only reads: the search may be long, the deletion is
    short; and no round looks at more tasks, however many there are."""
    rows = tx.all(_tasks_after(after, at_once))
    tallies = _tallies(tx, [row.id for row in rows])
    found: list[RunId] = []
    for row in rows:
        found += _expendable(tx, versions, row, tallies[row.id])
        if len(found) >= limit:
            return Found(found[:limit], after)  # the same tasks again, until they have no more
    return Found(found, rows[-1].id if len(rows) == at_once else None)


def _expendable(tx: Tx, versions: Versions, row: sa.Row[Any], tallies: Sequence[Tally]) -> Sequence[RunId]:
    history, now = versions.one(tx, row.id, row.generation).spec.history, from_micros(tx.now)
    return expendable(history, _ended(tx, row.id), now) if exceeded(history, tallies, now) else ()


def delete_runs(tx: Tx, doomed: Sequence[RunId]) -> None:
    """Delete runs that have ended, with their attempts, and note that their logs have nobody any more."""
    ordered = sorted(doomed)
    for start in range(0, len(ordered), BATCH):
        ids = ordered[start : start + BATCH]
        note_orphaned(tx, ids)
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
    keys = sorted((key.task_id, key.generation) for key in unused)
    if keys:
        named = sa.tuple_(task_versions.c.task_id, task_versions.c.generation).in_(keys)
        tx.write(sa.delete(task_versions).where(named))


def _tasks_after(after: UUID | None, at_once: int) -> sa.Select[Any]:
    query = sa.select(tasks.c.id, tasks.c.generation).where(tasks.c.generation > 0)
    if after is not None:
        query = query.where(tasks.c.id > after)
    return query.order_by(tasks.c.id).limit(at_once)


def _tallies(tx: Tx, task_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[Tally]]:
    found: dict[UUID, list[Tally]] = defaultdict(list)
    query = (
        sa.select(
            runs.c.task_id,
            runs.c.state,
            sa.func.count().label("number"),
            sa.func.min(runs.c.finished_at).label("oldest"),
        )
        .where(runs.c.task_id.in_(task_ids), runs.c.state.in_(FINAL_STATES))
        .group_by(runs.c.task_id, runs.c.state)
    )
    for row in tx.all(query):
        found[row.task_id].append(Tally(RunState(row.state), row.number, from_micros(row.oldest)))
    return found


def _ended(tx: Tx, task_id: UUID) -> Sequence[EndedRun]:
    query = (
        sa.select(runs.c.id, runs.c.state, runs.c.finished_at, runs.c.fire_key)
        .where(runs.c.task_id == task_id, runs.c.state.in_(FINAL_STATES))
        .order_by(runs.c.id.desc())
    )
    return [
        EndedRun(RunId(row.id), RunState(row.state), from_micros(row.finished_at), _keyed(row))
        for row in tx.all(query)
    ]


def _keyed(row: sa.Row[Any]) -> bool:
    """Whether its key is one that a caller made, not its own id."""
    kind, _, key = row.fire_key.partition(":")
    return kind in ("m", "s") and key != str(row.id)
