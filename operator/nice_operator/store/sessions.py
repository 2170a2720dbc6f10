"""Worker sessions: one worker, which is a name in a pool, has at most one that counts."""

from __future__ import annotations

import json
from collections.abc import Collection
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.errors import Conflict
from nice_operator.domain.ids import SessionId
from nice_operator.ports import OpenSession
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import worker_sessions
from nice_operator.store.tx import Tx

_table = worker_sessions
_THESE = _table.c.id.in_(sa.bindparam("ids", expanding=True))
_FENCED = Prepared(sa.select(_table.c.id).where(_THESE, _table.c.fenced_by.is_not(None)))
_OPEN = Prepared(sa.select(_table.c.id).where(_THESE, _table.c.closed_at.is_(None)))
_CLAIMING = Prepared(
    sa.select(_table.c.id).where(_THESE, _table.c.closed_at.is_(None), _table.c.drain_at.is_(None))
)


def open_session(tx: Tx, session: OpenSession) -> None:
    """Record the session and fence the older ones of the same worker. The same session may come back (a
    reconnect). Raises Conflict when a newer one has replaced it, or when it is another worker's."""
    row = tx.first(
        sa.select(_table.c.fenced_by, _table.c.worker, _table.c.pool).where(_table.c.id == session.id)
    )
    if row is not None and (row.worker, row.pool) != (session.worker, session.pool):
        raise Conflict(
            f"worker {session.worker}: session {session.id} is another worker's; choose an id of your own at "
            "each start"
        )
    if row is not None and row.fenced_by is not None:
        raise Conflict(
            f"worker {session.worker}: session {session.id} was replaced by {row.fenced_by}; "
            "only the newest session of a worker is served, so give every worker a name of its own"
        )
    if row is None:
        tx.write(sa.insert(_table).values(id=session.id, opened_at=tx.now, **_facts(tx, session)))
    else:
        tx.write(
            sa.update(_table).where(_table.c.id == session.id).values(closed_at=None, **_facts(tx, session))
        )
    _fence_others(tx, session)


def close_session(tx: Tx, session: SessionId) -> None:
    """The worker said goodbye. What it still holds is left to the reaper."""
    tx.write(
        sa.update(_table).where(_table.c.id == session, _table.c.closed_at.is_(None)).values(closed_at=tx.now)
    )


def may_claim(tx: Tx, session: UUID) -> bool:
    """Whether it is given work: it is open, and was not asked to drain."""
    return bool(_CLAIMING.all(tx, {"ids": [session]}))


def is_fenced(tx: Tx, session: UUID) -> bool:
    """Whether a newer session of the same worker has replaced it."""
    query = sa.select(_table.c.id).where(_table.c.id == session, _table.c.fenced_by.is_not(None))
    return tx.first(query) is not None


def fenced_among(tx: Tx, sessions: Collection[UUID]) -> frozenset[UUID]:
    """Those of them that a newer session has replaced."""
    return frozenset(row.id for row in _FENCED.all(tx, {"ids": sorted(sessions)}))


def open_among(tx: Tx, sessions: Collection[UUID]) -> frozenset[UUID]:
    """Those of them that are open. There must be one."""
    return frozenset(row.id for row in _OPEN.all(tx, {"ids": sorted(sessions)}))


def seen(tx: Tx, session: SessionId) -> None:
    """It was heard of just now."""
    tx.write(sa.update(_table).where(_table.c.id == session).values(seen_at=tx.now))


def _facts(tx: Tx, session: OpenSession) -> dict[str, object]:
    return {
        "worker": session.worker,
        "pool": session.pool,
        "labels": json.dumps(dict(session.labels)),
        "slots": session.slots,
        "seen_at": tx.now,
    }


def _fence_others(tx: Tx, session: OpenSession) -> None:
    """Those of the same name in the same pool: pods of two namespaces may be called alike."""
    same = (_table.c.worker == session.worker, _table.c.pool == session.pool)
    others = (*same, _table.c.id != session.id, _table.c.fenced_by.is_(None))
    tx.write(
        sa.update(_table)
        .where(*others)
        .values(closed_at=sa.func.coalesce(_table.c.closed_at, tx.now), fenced_by=session.id)
    )
