"""The start barrier (T5): claimed → running, committed before any of the user's code runs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import HostFacts, RunState
from nice_operator.ports import HeldRun, StartVerdict
from nice_operator.store.leases import RUNNING
from nice_operator.store.rows import write_host
from nice_operator.store.sessions import is_fenced
from nice_operator.store.tables import attempts, runs
from nice_operator.store.times import span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]


def start(tx: Tx, versions: Versions, held: HeldRun, host: HostFacts) -> StartVerdict:
    """Whether the worker may run it now. The same question by the same holder gets the same answer."""
    row = tx.first(sa.select(runs).where(runs.c.id == held.id))
    if row is None or (row.epoch, row.session) != (held.epoch, held.session) or is_fenced(tx, held.session):
        return StartVerdict.STALE
    if row.state == RunState.CLAIMED and _move(tx, versions, row, host):
        _begin_attempt(tx, row, host)
        return StartVerdict.STARTED
    return _verdict(tx, held)


def _move(tx: Tx, versions: Versions, row: Row, host: HostFacts) -> bool:
    timeout = versions.one(tx, row.task_id, row.generation).spec.timeout
    moved = tx.write(
        sa.update(runs)
        .where(
            runs.c.id == row.id,
            runs.c.epoch == row.epoch,
            runs.c.session == row.session,
            runs.c.state == RunState.CLAIMED,
            runs.c.cancel_requested_at.is_(None),
        )
        .values(
            lease_until=tx.now + RUNNING,
            deadline_at=tx.now + span(timeout),
            started_at=sa.func.coalesce(runs.c.started_at, tx.now),
            host=write_host(host),
            state=RunState.RUNNING,
        )
    )
    return moved == 1


def _begin_attempt(tx: Tx, row: Row, host: HostFacts) -> None:
    tx.write(
        sa.insert(attempts).values(
            run_id=row.id,
            epoch=row.epoch,
            stale=0,
            number=row.attempt,
            session=row.session,
            worker=row.worker,
            claimed_at=row.claimed_at,
            started_at=tx.now,
            reason="",
            message="",
            host=write_host(host),
        )
    )


def _verdict(tx: Tx, held: HeldRun) -> StartVerdict:
    """Why it did not move: it runs already (our answer was lost), it was cancelled, or it is not theirs."""
    query = sa.select(runs.c.state).where(
        runs.c.id == held.id, runs.c.epoch == held.epoch, runs.c.session == held.session
    )
    row = tx.first(query)
    if row is None:
        return StartVerdict.STALE
    answers = {RunState.RUNNING: StartVerdict.STARTED, RunState.CANCELLED: StartVerdict.CANCELLED}
    return answers.get(RunState(row.state), StartVerdict.STALE)
