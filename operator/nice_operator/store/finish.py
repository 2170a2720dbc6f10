"""Reports of ended attempts (T7, T8): the outcome of a run is written exactly once.

A repeated report is recognised by its outcome id. A report by somebody who holds the run no longer is
refused and kept as evidence.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.ports import FinishDecision, FinishVerdict
from nice_operator.store.endings import Ending, leave_running, told
from nice_operator.store.tables import attempts, runs
from nice_operator.store.times import span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]


def finish(tx: Tx, versions: Versions, decision: FinishDecision) -> FinishVerdict:
    """Record the report, or say why not."""
    held = decision.held
    row = tx.first(sa.select(runs).where(runs.c.id == held.id))
    if row is None:
        return FinishVerdict.UNKNOWN
    attempt = _attempt(tx, decision)
    if attempt is not None and attempt.outcome_id == decision.outcome.id:
        return FinishVerdict.REPEATED
    ours = row.epoch == held.epoch and row.session == held.session
    if ours and leave_running(tx, versions, row, _ending(tx, row, decision), runs.c.session == held.session):
        return FinishVerdict.ACCEPTED
    _keep_evidence(tx, row, attempt, decision)
    return FinishVerdict.REGRESSED if held.epoch > row.epoch else FinishVerdict.STALE


def _ending(tx: Tx, row: Row, decision: FinishDecision) -> Ending:
    """The decision as it is, unless a cancel came in between: then nothing is tried again."""
    outcome = decision.outcome
    lost = outcome.state is RunState.LOST and not outcome.interrupted
    if decision.state is RunState.QUEUED and row.cancel_requested_at is not None:
        return Ending(outcome, RunState.CANCELLED, lost=lost)
    delay = 0 if decision.retry_after is None else span(decision.retry_after)
    return Ending(outcome, decision.state, tx.now + delay, decision.counted, lost)


def _attempt(tx: Tx, decision: FinishDecision) -> Row | None:
    query = sa.select(attempts).where(
        attempts.c.run_id == decision.held.id,
        attempts.c.epoch == decision.held.epoch,
        attempts.c.stale == 0,
    )
    return tx.first(query)


def _keep_evidence(tx: Tx, row: Row, attempt: Row | None, decision: FinishDecision) -> None:
    """The first late report of an epoch stays beside its attempt."""
    held = decision.held
    key = (attempts.c.run_id == held.id, attempts.c.epoch == held.epoch, attempts.c.stale == 1)
    if tx.first(sa.select(attempts.c.epoch).where(*key)) is not None:
        return
    tx.write(
        sa.insert(attempts).values(
            run_id=held.id,
            epoch=held.epoch,
            stale=1,
            number=row.attempt if attempt is None else attempt.number,
            session=held.session,
            worker=(row.worker or "") if attempt is None else attempt.worker,
            claimed_at=tx.now if attempt is None else attempt.claimed_at,
            started_at=None if attempt is None else attempt.started_at,
            ended_at=tx.now,
            **told(decision.outcome),
        )
    )
