"""Reading runs and attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import RunId, SessionId, TaskId
from nice_operator.domain.run import HELD_STATES, Attempt, Run, RunState
from nice_operator.domain.task import EXTERNAL_WORKERS
from nice_operator.ports import RunFilter, RunPage
from nice_operator.store.rows import to_attempt, to_run
from nice_operator.store.tables import attempts, runs, tasks, worker_sessions
from nice_operator.store.tx import Tx

MAX_PAGE = 1_000
_named = sa.select(runs, tasks.c.namespace.label("task_namespace"), tasks.c.name.label("task_title")).join(
    tasks, tasks.c.id == runs.c.task_id
)


def get_run(tx: Tx, run_id: RunId) -> Run | None:
    """One run."""
    found = read_runs(tx, _named.where(runs.c.id == run_id))
    return found[0] if found else None


def list_runs(tx: Tx, wanted: RunFilter) -> RunPage:
    """A page, newest first. ``limit`` is taken as between 1 and 1,000."""
    limit = min(max(wanted.limit, 1), MAX_PAGE)
    found = read_runs(tx, _matching(wanted).order_by(runs.c.id.desc()).limit(limit + 1))
    page = found[:limit]
    return RunPage(tuple(page), page[-1].id if len(found) > limit else None)


def last_runs(tx: Tx, task_ids: Sequence[TaskId], each: int) -> Mapping[TaskId, Sequence[Run]]:
    """The newest of each task, newest first; a task without runs is not in the answer."""
    age = sa.func.row_number().over(partition_by=runs.c.task_id, order_by=runs.c.id.desc())
    ranked = sa.select(runs.c.id, age.label("age")).where(runs.c.task_id.in_(task_ids)).subquery()
    newest = _named.join(ranked, ranked.c.id == runs.c.id).where(ranked.c.age <= each)
    found: dict[TaskId, list[Run]] = {}
    for run in read_runs(tx, newest.order_by(runs.c.id.desc())):
        found.setdefault(run.task_id, []).append(run)
    return found


def read_attempts(tx: Tx, run_id: RunId) -> Sequence[Attempt]:
    """Oldest first; late evidence after the attempt that it belongs to."""
    query = sa.select(attempts).where(attempts.c.run_id == run_id)
    return [to_attempt(row) for row in tx.all(query.order_by(attempts.c.epoch, attempts.c.stale))]


def active_sessions(tx: Tx) -> frozenset[SessionId]:
    """Sessions that hold something."""
    query = sa.select(runs.c.session).distinct().where(runs.c.state.in_(HELD_STATES))
    return frozenset(SessionId(row.session) for row in tx.all(query))


def external_sessions(tx: Tx) -> frozenset[SessionId]:
    """External workers' sessions that hold something."""
    query = (
        sa.select(runs.c.session)
        .distinct()
        .join(worker_sessions, worker_sessions.c.id == runs.c.session)
        .where(runs.c.state.in_(HELD_STATES), worker_sessions.c.pool == EXTERNAL_WORKERS)
    )
    return frozenset(SessionId(row.session) for row in tx.all(query))


def queued_selectors(tx: Tx) -> frozenset[str]:
    """Distinct selectors of what waits."""
    query = sa.select(runs.c.selector).distinct().where(runs.c.state == RunState.QUEUED)
    return frozenset(row.selector for row in tx.all(query))


def queue_depth(tx: Tx) -> Mapping[str, int]:
    """Claimable runs by queue."""
    query = (
        sa.select(runs.c.queue, sa.func.count().label("depth"))
        .where(runs.c.state == RunState.QUEUED, runs.c.waiting == 0, runs.c.available_at <= tx.now)
        .group_by(runs.c.queue)
    )
    return {row.queue: row.depth for row in tx.all(query)}


def read_runs(tx: Tx, query: sa.Select[Any]) -> list[Run]:
    """Rows of ``_named`` as runs."""
    return [to_run(row, row.task_namespace, row.task_title) for row in tx.all(query)]


def _matching(wanted: RunFilter) -> sa.Select[Any]:
    query = _named
    if wanted.task_id is not None:
        query = query.where(runs.c.task_id == wanted.task_id)
    if wanted.namespace is not None:
        query = query.where(tasks.c.namespace == wanted.namespace)
    if wanted.states:
        query = query.where(runs.c.state.in_(sorted(wanted.states)))
    if wanted.before is not None:
        query = query.where(runs.c.id < wanted.before)
    return query
