"""Reaping (T9, T10, T12): runs whose worker is gone, or whose time ran out with nobody telling."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import OutcomeId, RunId, SessionId, uuid7
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.retry import Ended, decide
from nice_operator.domain.run import Outcome, RunState
from nice_operator.ports import Holder, Reaped
from nice_operator.store.endings import Ending, leave_running
from nice_operator.store.leases import CLAIMED_SLACK, DEADLINE_SLACK, RUNNING_SLACK
from nice_operator.store.pools import holders
from nice_operator.store.release import back_to_queue
from nice_operator.store.slots import admit_all
from nice_operator.store.tables import runs
from nice_operator.store.times import span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

BATCH = 500
"""Runs per kind in one transaction; the next round takes the others."""

Row = sa.Row[Any]
Sessions = frozenset[SessionId]
Condition = sa.ColumnElement[bool]


def reap(
    tx: Tx, versions: Versions, dead: Sessions, alive: Sessions, told: Mapping[SessionId, str]
) -> Sequence[Reaped]:
    """Move what nobody holds any more, then admit whom a free slot lets in. Sessions that are known to be
    dead need no expired lease; those known to be alive keep their runs whatever the lease says. ``told``:
    what somebody else knows of a session's end."""
    expired = [_expire(tx, versions, row) for row in _overdue(tx, versions)]
    requeued = [_requeue(tx, row) for row in _gone(tx, RunState.CLAIMED, CLAIMED_SLACK, dead, alive)]
    gone = _gone(tx, RunState.RUNNING, RUNNING_SLACK, dead, alive)
    lost = [_lose(tx, versions, row, dead, told.get(row.session, "")) for row in gone]
    admitted = [Reaped(run_id, RunState.QUEUED, "Admitted") for run_id in admit_all(tx, versions)]
    return [reaped for reaped in (*expired, *requeued, *lost) if reaped is not None] + admitted


def doomed(tx: Tx, dead: Sessions, alive: Sessions) -> Sequence[Holder]:
    """Whose running runs ``reap`` would call lost now."""
    unheld = (runs.c.state == RunState.RUNNING, _unheld(tx, RUNNING_SLACK, dead, alive))
    found = tx.all(sa.select(runs.c.session).distinct().where(*unheld).limit(BATCH))
    return holders(tx, [SessionId(row.session) for row in found]) if found else ()


def _gone(tx: Tx, state: RunState, slack: int, dead: Sessions, alive: Sessions) -> Sequence[Row]:
    query = sa.select(runs).where(runs.c.state == state, _unheld(tx, slack, dead, alive))
    return tx.all(query.order_by(runs.c.id).limit(BATCH))


def _unheld(tx: Tx, slack: int, dead: Sessions, alive: Sessions) -> Condition:
    over = runs.c.lease_until < tx.now - slack
    if alive:
        over = sa.and_(over, runs.c.session.not_in(sorted(alive)))
    return sa.or_(over, runs.c.session.in_(sorted(dead))) if dead else over


def _requeue(tx: Tx, row: Row) -> Reaped | None:
    """claimed → queued: user code never ran, so this is always safe and no loss."""
    if not back_to_queue(tx, *_unchanged(row)):
        return None
    return Reaped(RunId(row.id), RunState.QUEUED, Reason.WORKER_LOST)


def _lose(tx: Tx, versions: Versions, row: Row, dead: Sessions, told: str) -> Reaped | None:
    """running → queued or lost, as the task's rules for a lost worker say."""
    spec = versions.one(tx, row.task_id, row.generation).spec
    reason = Reason.WORKER_DIED if row.session in dead else Reason.WORKER_LOST
    message = sentence(reason, worker=row.worker) + (f": {told}" if told else "")
    outcome = _outcome(RunState.LOST, reason, message)
    asked_to_stop = row.cancel_requested_at is not None
    ended = Ended(outcome, row.attempt, row.max_attempts, row.lost_count, asked_to_stop)
    fate = decide(ended, spec.retry, spec.on_lost, random.random)
    retry_at = None if fate.retry_after is None else tx.now + span(fate.retry_after)
    ending = Ending(fate.outcome, fate.state, retry_at, fate.counted, lost=True)
    if not leave_running(tx, versions, row, ending, *_unchanged(row)):
        return None
    return Reaped(RunId(row.id), fate.state, fate.outcome.reason)


def _overdue(tx: Tx, versions: Versions) -> Sequence[Row]:
    query = sa.select(runs).where(
        runs.c.state == RunState.RUNNING, runs.c.deadline_at < tx.now - DEADLINE_SLACK
    )
    rows = tx.all(query.order_by(runs.c.id).limit(BATCH))
    return [row for row in rows if row.deadline_at < tx.now - DEADLINE_SLACK - _grace(tx, versions, row)]


def _grace(tx: Tx, versions: Versions, row: Row) -> int:
    return span(versions.one(tx, row.task_id, row.generation).spec.grace)


def _expire(tx: Tx, versions: Versions, row: Row) -> Reaped | None:
    """running → timed_out: the backstop behind the worker, which the new epoch fences."""
    outcome = _outcome(RunState.TIMED_OUT, Reason.DEADLINE, sentence(Reason.DEADLINE))
    ending = Ending(outcome, RunState.TIMED_OUT, fence=True)
    if not leave_running(tx, versions, row, ending, runs.c.deadline_at == row.deadline_at):
        return None
    return Reaped(RunId(row.id), RunState.TIMED_OUT, Reason.DEADLINE)


def _unchanged(row: Row) -> tuple[Condition, ...]:
    """Guards: nobody claimed it again, and no heartbeat came in between."""
    return (runs.c.id == row.id, runs.c.epoch == row.epoch, runs.c.lease_until == row.lease_until)


def _outcome(state: RunState, reason: Reason, message: str) -> Outcome:
    return Outcome(OutcomeId(uuid7()), state, reason, message)
