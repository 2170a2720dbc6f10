"""Slots of tasks with bounded concurrency: who holds one, who waits, who is next.

Whoever calls holds the task's row, so nobody else admits or promotes at the same time; and
UNIQUE(active_key) holds even against whoever forgot to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.concurrency import ActiveRun, free_slot
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import ACTIVE_STATES, RunState
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import runs
from nice_operator.store.task_rows import locked_row
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]

_states: sa.BindParameter[Any] = sa.bindparam("states", expanding=True)
_ACTIVE = Prepared(
    sa.select(runs.c.id, runs.c.task_id, runs.c.state, runs.c.active_key, runs.c.waiting)
    .where(runs.c.task_id.in_(sa.bindparam("tasks", expanding=True)), runs.c.state.in_(_states))
    .where(sa.or_(runs.c.waiting == 0, runs.c.available_at <= sa.bindparam("now")))
    .order_by(runs.c.id)
)

TASKS_AT_ONCE = 500
"""Tasks considered in one transaction; the next one takes the others."""


def slot_key(task_id: UUID, slot: int) -> str:
    """The unique key of one slot of one task."""
    return f"t:{task_id.hex}:{slot}"


def active_runs(tx: Tx, task_ids: Collection[UUID]) -> dict[UUID, list[ActiveRun]]:
    """The runs of each task that have not ended, oldest first. Requests for a later time are not among them
    until that time has come: they stand in nobody's way."""
    found: dict[UUID, list[ActiveRun]] = defaultdict(list)
    if task_ids:
        for row in _ACTIVE.all(tx, {"tasks": list(task_ids), "states": sorted(ACTIVE_STATES), "now": tx.now}):
            found[row.task_id].append(_active(row))
    return found


def promote(tx: Tx, versions: Versions, task: Row) -> Sequence[RunId]:
    """Give free slots to the waiting, by priority, then age; returns who got one. ``task`` is locked."""
    if task.living is None or not task.generation:
        return ()
    concurrency = versions.one(tx, task.id, task.generation).spec.concurrency
    waiting = list(tx.all(_waiting(tx, task.id)))
    promoted: list[RunId] = []
    while waiting:
        active = active_runs(tx, [task.id])[task.id]
        slot = free_slot(concurrency, active)
        if slot is None and concurrency.bounded:
            _name_the_blocker(tx, task.id, active)
            break
        promoted.append(_admit_run(tx, waiting.pop(0).id, task.id, slot))
    return promoted


def admit_new(tx: Tx, versions: Versions) -> Sequence[RunId]:
    """Consider requests whose time has just come and that nobody has considered yet."""
    return _admit(tx, versions, [row.task_id for row in _NEWLY_DUE.all(tx, {"now": tx.now})])


def admit_all(tx: Tx, versions: Versions) -> Sequence[RunId]:
    """Consider every waiting run that nothing active stands before: what ``admit_new`` finds, and whatever
    a change of policy left behind."""
    blocker = runs.alias("blocker")
    blocked = sa.exists().where(
        blocker.c.id == runs.c.blocked_by, blocker.c.state.in_(ACTIVE_STATES), blocker.c.waiting == 0
    )
    return _admit(tx, versions, [row.task_id for row in tx.all(_due(~blocked), {"now": tx.now})])


def _due(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Tasks with waiting runs whose time has come."""
    come = runs.c.available_at <= sa.bindparam("now")
    return (
        sa.select(runs.c.task_id).where(runs.c.waiting == 1, condition, come).distinct().limit(TASKS_AT_ONCE)
    )


_NEWLY_DUE = Prepared(_due(runs.c.blocked_by.is_(None)))


def _admit(tx: Tx, versions: Versions, task_ids: Collection[UUID]) -> Sequence[RunId]:
    admitted: list[RunId] = []
    for task_id in sorted(task_ids):
        task = locked_row(tx, task_id)
        if task is not None:
            admitted += promote(tx, versions, task)
    return admitted


def _waiting(tx: Tx, task_id: UUID) -> sa.Select[Any]:
    return (
        sa.select(runs.c.id)
        .where(runs.c.task_id == task_id, runs.c.state == RunState.QUEUED, runs.c.waiting == 1)
        .where(runs.c.available_at <= tx.now)
        .order_by(runs.c.priority_rank, runs.c.scheduled_for, runs.c.id)
    )


def _admit_run(tx: Tx, run_id: UUID, task_id: UUID, slot: int | None) -> RunId:
    key = None if slot is None else slot_key(task_id, slot)
    tx.write(
        sa.update(runs)
        .where(runs.c.id == run_id, runs.c.state == RunState.QUEUED, runs.c.waiting == 1)
        .values(waiting=0, blocked_by=None, active_key=key)
    )
    return RunId(run_id)


def _name_the_blocker(tx: Tx, task_id: UUID, active: Sequence[ActiveRun]) -> None:
    """Tell every waiting run who is in its way now, unless it names one that still is."""
    holders = [run.id for run in active if not run.waiting]
    tx.write(
        sa.update(runs)
        .where(runs.c.task_id == task_id, runs.c.state == RunState.QUEUED, runs.c.waiting == 1)
        .where(runs.c.available_at <= tx.now)
        .where(sa.or_(runs.c.blocked_by.is_(None), runs.c.blocked_by.not_in(holders)))
        .values(blocked_by=holders[0])
    )


def _active(row: Row) -> ActiveRun:
    slot = None if row.active_key is None else int(row.active_key.rsplit(":", 1)[1])
    return ActiveRun(RunId(row.id), RunState(row.state), slot, bool(row.waiting))
