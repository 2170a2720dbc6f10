"""Heartbeats (T6): a worker that is heard of keeps what it holds."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import HELD_STATES
from nice_operator.ports import HeartbeatReply, HeldRun
from nice_operator.store.leases import RUNNING
from nice_operator.store.sessions import is_fenced, seen
from nice_operator.store.tables import runs
from nice_operator.store.tx import Tx


def heartbeat(tx: Tx, session: SessionId, held: Sequence[HeldRun]) -> HeartbeatReply:
    """Extend the leases of what the session holds; tell it what it has lost and what was cancelled.

    Not guarded by the lease itself: a late heartbeat revives a run that nobody has reaped, so that an
    outage of the database costs no run.
    """
    if is_fenced(tx, session):
        return HeartbeatReply(lost=tuple(held), cancelled=())
    seen(tx, session)
    if not held:
        return HeartbeatReply((), ())
    mine = (
        sa.tuple_(runs.c.id, runs.c.epoch).in_(sorted((run.id, run.epoch) for run in held)),
        runs.c.session == session,
        runs.c.state.in_(HELD_STATES),
    )
    tx.write(sa.update(runs).where(*mine).values(lease_until=tx.now + RUNNING))
    rows = tx.all(sa.select(runs.c.id, runs.c.epoch, runs.c.cancel_requested_at).where(*mine))
    kept = {(row.id, row.epoch): row.cancel_requested_at is not None for row in rows}
    return HeartbeatReply(
        lost=tuple(run for run in held if (run.id, run.epoch) not in kept),
        cancelled=tuple(run for run in held if kept.get((run.id, run.epoch))),
    )
