"""What the pools' scaling asks: what waits, who works, and whom it asks to take no more."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import HELD_STATES, RunState
from nice_operator.domain.task import EXTERNAL_WORKERS, POOL_QUEUE
from nice_operator.ports import Holder, PoolWorker, QueueLoad
from nice_operator.store.leases import SECOND
from nice_operator.store.tables import runs, worker_sessions
from nice_operator.store.times import from_micros, length
from nice_operator.store.tx import Tx

LATELY = 15 * SECOND
"""Three heartbeats: who was not heard of for longer is not counted on."""

_AFTER_POOLS = "pool;"
_sessions = worker_sessions


def queue_loads(tx: Tx) -> Sequence[QueueLoad]:
    """Claimable runs by queue and selector, those of pools alone."""
    query = (
        sa.select(
            runs.c.queue,
            runs.c.selector,
            sa.func.count().label("queued"),
            sa.func.min(runs.c.available_at).label("first"),
        )
        .where(
            runs.c.queue >= POOL_QUEUE,
            runs.c.queue < _AFTER_POOLS,
            runs.c.state == RunState.QUEUED,
            runs.c.waiting == 0,
            runs.c.available_at <= tx.now,
        )
        .group_by(runs.c.queue, runs.c.selector)
    )
    rows = tx.all(query)
    return [QueueLoad(row.queue, row.selector, row.queued, length(tx.now - row.first)) for row in rows]


def pool_workers(tx: Tx) -> Sequence[PoolWorker]:
    """Open sessions that were heard of lately, or hold something whether heard of or not."""
    held = _held()
    query = (
        sa.select(_sessions, sa.func.coalesce(held.c.busy, 0).label("busy"))
        .join(held, held.c.session == _sessions.c.id, isouter=True)
        .where(
            _sessions.c.pool != EXTERNAL_WORKERS,
            _sessions.c.closed_at.is_(None),
            sa.or_(_sessions.c.seen_at > tx.now - LATELY, held.c.busy.is_not(None)),
        )
        .order_by(_sessions.c.worker)
    )
    return [_worker(row) for row in tx.all(query)]


def ask_to_drain(tx: Tx, sessions: Collection[SessionId]) -> Sequence[SessionId]:
    """Mark those that hold nothing; a mark that is there already is kept."""
    wanted = sorted(sessions)
    holding = sa.select(runs.c.session).where(runs.c.session.in_(wanted), runs.c.state.in_(HELD_STATES))
    busy = {row.session for row in tx.all(holding)}
    idle = [session for session in wanted if session not in busy]
    if idle:
        tx.write(
            sa.update(_sessions)
            .where(_sessions.c.id.in_(idle), _sessions.c.drain_at.is_(None))
            .values(drain_at=tx.now)
        )
    return idle


def holders(tx: Tx, sessions: Collection[SessionId]) -> Sequence[Holder]:
    """Whose these sessions are. What ended them did so after they were last heard of, or little before: a
    heartbeat may wait for a busy database."""
    columns = (
        _sessions.c.id,
        _sessions.c.worker,
        _sessions.c.pool,
        _sessions.c.opened_at,
        _sessions.c.seen_at,
    )
    rows = tx.all(sa.select(*columns).where(_sessions.c.id.in_(sorted(sessions))))
    return [Holder(SessionId(row.id), row.worker, row.pool, _since(row)) for row in rows]


def _since(row: sa.Row[Any]) -> datetime:
    return from_micros(max(row.opened_at, row.seen_at - LATELY))


def _held() -> sa.Subquery:
    return (
        sa.select(runs.c.session, sa.func.count().label("busy"))
        .where(runs.c.state.in_(HELD_STATES), runs.c.session.is_not(None))
        .group_by(runs.c.session)
        .subquery()
    )


def _worker(row: sa.Row[Any]) -> PoolWorker:
    return PoolWorker(SessionId(row.id), row.worker, row.pool, row.busy, draining=row.drain_at is not None)
