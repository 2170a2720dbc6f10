"""What workers are to be told, whichever server they are connected to: runs to stop, sessions to drain."""

from __future__ import annotations

import sqlalchemy as sa

from nice_operator.domain.errors import NotFound
from nice_operator.domain.ids import RunId, SessionId
from nice_operator.domain.run import RunState
from nice_operator.ports import Orders
from nice_operator.store.tables import runs, worker_sessions
from nice_operator.store.tx import Tx

_HELD = (RunState.CLAIMED, RunState.RUNNING)


def read_orders(tx: Tx) -> Orders:
    """Every run in a worker's hands that somebody asked to stop, every open session that is to take no more
    work."""
    stops = sa.select(runs.c.id).where(runs.c.state.in_(_HELD), runs.c.cancel_requested_at.is_not(None))
    drains = sa.select(worker_sessions.c.id).where(
        worker_sessions.c.drain_at.is_not(None), worker_sessions.c.closed_at.is_(None)
    )
    return Orders(
        frozenset(RunId(row.id) for row in tx.all(stops)),
        frozenset(SessionId(row.id) for row in tx.all(drains)),
    )


def ask_drain(tx: Tx, session: SessionId) -> None:
    """The session is to take no more work. Raises NotFound when it is closed or unknown."""
    table = worker_sessions
    still_open = (table.c.id == session, table.c.closed_at.is_(None))
    if not tx.write(sa.update(table).where(*still_open).values(drain_at=tx.now)):
        raise NotFound(f"no worker with session {session} is connected; it may have left already")
