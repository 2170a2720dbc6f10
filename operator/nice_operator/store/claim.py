"""Claiming work (T4): queued → claimed. The epoch rises, and fences every report of an older claim."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cache

import sqlalchemy as sa

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import HELD_STATES, Run, RunState
from nice_operator.domain.task import POOL_QUEUE
from nice_operator.ports import Claimed, ClaimRequest
from nice_operator.store.leases import CLAIMED
from nice_operator.store.many_rows import EachUpdate
from nice_operator.store.prepared import Prepared, Row
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

CLAIMABLE: tuple[Condition, ...] = (
    runs.c.state == RunState.QUEUED,
    runs.c.waiting == 0,
    runs.c.available_at <= sa.bindparam("now"),
)
"""What makes a run one that can be claimed now."""

_IN_POOLS = sa.and_(runs.c.queue >= POOL_QUEUE, runs.c.queue < _AFTER_POOLS)
_POOL_QUEUES = Prepared(
    sa.select(runs.c.queue).distinct().where(_IN_POOLS, *CLAIMABLE).order_by(runs.c.queue)
)

_CLAIMED = ("session", "worker", "lease_until", "claimed_at", "reason", "message", "state")
CLAIM = EachUpdate(
    [runs.c.id],
    [runs.c[name] for name in _CLAIMED],
    RunState.QUEUED,
    counted=(runs.c.attempt, runs.c.epoch),
)


def claim(tx: Tx, versions: Versions, request: ClaimRequest) -> Sequence[Claimed]:
    """Up to ``free`` runs, by priority, then age; none for a session that is closed, was
    replaced, or drains."""
    if request.free < 1 or not may_claim(tx, request.session):
        return ()
    admit_new(tx, versions)
    rows: list[Row] = []
    for queue in _queues(tx, request):
        rows += _offered(tx, request, queue, request.free - len(rows))
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


def _queues(tx: Tx, request: ClaimRequest) -> Iterator[Collection[str] | None]:
    """Those of one query; None: those of all pools. A server gets one queue at a time, because only then it
    walks the index in order and locks what it returns; SQLite locks nothing and takes all at once."""
    if not tx.mysql:
        yield request.queues
    elif request.queues is not None:
        yield from ([queue] for queue in request.queues)
    else:
        yield from ([row.queue] for row in _POOL_QUEUES.all(tx, {"now": tx.now}))


def _offered(tx: Tx, request: ClaimRequest, queues: Collection[str] | None, room: int) -> list[Row]:
    """What is next for the asker, whom some versions may have been refused by."""
    if queues is not None and not queues:
        return []
    values = {"queues": queues, "refused": sorted(request.refused), "selectors": request.selectors}
    query = _next(pools=queues is None, refused=bool(request.refused))
    return query.all(tx, {**values, "now": tx.now, "room": room})


@cache
def _next(*, pools: bool, refused: bool) -> Prepared:
    where = [_IN_POOLS if pools else runs.c.queue.in_(sa.bindparam("queues", expanding=True))]
    if refused:
        version = sa.tuple_(runs.c.task_id, runs.c.generation)
        where.append(version.not_in(sa.bindparam("refused", expanding=True)))
    return next_where(*where)


def next_where(*where: Condition) -> Prepared:
    """A query for what is next, by priority, then age: at most ``room`` runs for one of ``selectors``."""
    return Prepared(
        sa.select(runs)
        .where(*where, *CLAIMABLE, runs.c.selector.in_(sa.bindparam("selectors", expanding=True)))
        .order_by(runs.c.priority_rank, runs.c.available_at, runs.c.id)
        .limit(sa.bindparam("room", type_=sa.Integer)),
        skips=True,
    )


def _take(tx: Tx, request: ClaimRequest, rows: Sequence[Row]) -> None:
    common = {
        "session": request.session,
        "worker": request.worker,
        "lease_until": tx.now + CLAIMED,
        "claimed_at": tx.now,
        "reason": "",  # why the attempt before ended stays with that attempt
        "message": "",
        "state": RunState.CLAIMED,
    }
    CLAIM.write(tx, [{"id": row.id, **common} for row in rows])


def _with_versions(tx: Tx, versions: Versions, rows: Sequence[Row]) -> list[tuple[Row, Version]]:
    found = versions.many(tx, [VersionKey(row.task_id, row.generation) for row in rows])
    return [(row, found[VersionKey(row.task_id, row.generation)]) for row in rows]


def _after(tx: Tx, request: ClaimRequest, row: Row, version: Version) -> Run:
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
