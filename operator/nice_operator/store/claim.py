"""Claiming work (T4): queued → claimed. The epoch rises, and fences every report of an older claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import HELD_STATES, Run, RunState
from nice_operator.domain.task import POOL_QUEUE
from nice_operator.ports import Claimed, ClaimRequest
from nice_operator.store.leases import CLAIMED
from nice_operator.store.rows import to_run
from nice_operator.store.sessions import may_claim
from nice_operator.store.slots import admit_new
from nice_operator.store.tables import runs
from nice_operator.store.times import from_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Version, VersionKey, Versions

_AFTER_POOLS = "pool;"
"""The first text after every one that begins with ``pool:``."""

Condition = sa.ColumnElement[bool]


def claim(tx: Tx, versions: Versions, request: ClaimRequest) -> Sequence[Claimed]:
    """Up to ``free`` runs, by priority, then age; none for a session that is closed, was
    replaced, or drains."""
    if request.free < 1 or not may_claim(tx, request.session):
        return ()
    admit_new(tx, versions)
    rows: list[sa.Row[Any]] = []
    for queue in _queues(tx, request):
        offered = sa.and_(queue, *_not_refused(request))
        rows += tx.locked(candidates(tx, request.selectors, offered, request.free - len(rows)), skip=True)
        if len(rows) >= request.free:
            break
    if not rows:
        return ()
    _take(tx, request, rows)
    pairs = _with_versions(tx, versions, rows)
    return [Claimed(_after(tx, request, row, version), version.spec) for row, version in pairs]


def held(tx: Tx, versions: Versions, session: SessionId) -> Sequence[Claimed]:
    """What the session holds, claimed or running, oldest first."""
    mine = sa.select(runs).where(runs.c.session == session, runs.c.state.in_(HELD_STATES))
    return [
        Claimed(to_run(row, version.namespace, version.name), version.spec)
        for row, version in _with_versions(tx, versions, tx.all(mine.order_by(runs.c.id)))
    ]


def _queues(tx: Tx, request: ClaimRequest) -> Iterator[Condition]:
    """One condition per query. A server gets one queue at a time, because only then it walks the index in
    order and locks what it returns; SQLite locks nothing and takes all at once."""
    if request.queues is not None and tx.mysql:
        yield from (runs.c.queue == queue for queue in request.queues)
    elif request.queues is not None:
        yield runs.c.queue.in_(request.queues)
    elif tx.mysql:
        found = tx.all(_pool_queues(tx))
        yield from (runs.c.queue == row.queue for row in found)
    else:
        yield sa.and_(runs.c.queue >= POOL_QUEUE, runs.c.queue < _AFTER_POOLS)


def _not_refused(request: ClaimRequest) -> tuple[Condition, ...]:
    if not request.refused:
        return ()
    return (sa.tuple_(runs.c.task_id, runs.c.generation).not_in(sorted(request.refused)),)


def _pool_queues(tx: Tx) -> sa.Select[Any]:
    return (
        sa.select(runs.c.queue)
        .distinct()
        .where(runs.c.queue >= POOL_QUEUE, runs.c.queue < _AFTER_POOLS, *claimable(tx))
        .order_by(runs.c.queue)
    )


def claimable(tx: Tx) -> tuple[Condition, ...]:
    """What makes a run one that can be claimed now."""
    return (runs.c.state == RunState.QUEUED, runs.c.waiting == 0, runs.c.available_at <= tx.now)


def candidates(tx: Tx, selectors: Sequence[str], queue: Condition, limit: int) -> sa.Select[Any]:
    """What is next in a queue, by priority, then age."""
    return (
        sa.select(runs)
        .where(queue, *claimable(tx), runs.c.selector.in_(selectors))
        .order_by(runs.c.priority_rank, runs.c.available_at, runs.c.id)
        .limit(limit)
    )


def _take(tx: Tx, request: ClaimRequest, rows: Sequence[sa.Row[Any]]) -> None:
    moved = tx.write(
        sa.update(runs)
        .where(runs.c.id.in_(sorted(row.id for row in rows)), runs.c.state == RunState.QUEUED)
        .values(
            attempt=runs.c.attempt + 1,
            epoch=runs.c.epoch + 1,
            session=request.session,
            worker=request.worker,
            lease_until=tx.now + CLAIMED,
            claimed_at=tx.now,
            reason="",  # why the attempt before ended stays with that attempt
            message="",
            state=RunState.CLAIMED,
        )
    )
    if moved != len(rows):
        raise RuntimeError(f"{len(rows)} locked runs were to be claimed, {moved} were: the lock is not held")


def _with_versions(
    tx: Tx, versions: Versions, rows: Sequence[sa.Row[Any]]
) -> list[tuple[sa.Row[Any], Version]]:
    found = versions.many(tx, [VersionKey(row.task_id, row.generation) for row in rows])
    return [(row, found[VersionKey(row.task_id, row.generation)]) for row in rows]


def _after(tx: Tx, request: ClaimRequest, row: sa.Row[Any], version: Version) -> Run:
    """The run as ``_take`` left it, without reading it again."""
    return replace(
        to_run(row, version.namespace, version.name),
        state=RunState.CLAIMED,
        reason="",
        message="",
        attempt=row.attempt + 1,
        epoch=row.epoch + 1,
        session=request.session,
        worker=request.worker,
        lease_until=from_micros(tx.now + CLAIMED),
    )
