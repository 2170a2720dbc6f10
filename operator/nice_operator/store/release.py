"""Handing back (T13): claimed → queued, by a draining worker that never started it."""

from __future__ import annotations

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.ports import HeldRun
from nice_operator.store.tables import runs
from nice_operator.store.tx import Tx


def release(tx: Tx, held: HeldRun) -> bool:
    """Whether it was theirs to give back. It was no attempt, so the count goes down again."""
    return back_to_queue(tx, runs.c.id == held.id, runs.c.epoch == held.epoch, runs.c.session == held.session)


def back_to_queue(tx: Tx, *where: sa.ColumnElement[bool]) -> bool:
    """The transition, for one run that was claimed and not started."""
    moved = tx.write(
        sa.update(runs)
        .where(*where, runs.c.state == RunState.CLAIMED)
        .values(attempt=runs.c.attempt - 1, session=None, lease_until=None, state=RunState.QUEUED)
    )
    return moved == 1
