"""Reports of ended attempts (T7, T8): the outcome of a run is written exactly once.

A repeated report is recognised by its outcome id. A report by somebody who holds the run no longer is
refused and kept as evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.ports import FinishDecision, FinishVerdict
from nice_operator.store.endings import MEASURED, Ending, final_values, leave_running, told
from nice_operator.store.many_rows import EachUpdate
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import attempts, runs
from nice_operator.store.times import span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]

LARGE = 4 * 1024
"""Characters of result and message beyond which a report is written by itself: one statement for many
reports must stay far below what a server takes (max_allowed_packet)."""

_RUNNING = Prepared(
    sa.select(runs.c.id, runs.c.state, runs.c.epoch, runs.c.session, runs.c.active_key).where(
        runs.c.id.in_(sa.bindparam("ids", expanding=True))
    ),
    locks=True,
)
_OPEN = Prepared(
    sa.select(attempts.c.run_id, attempts.c.epoch).where(
        attempts.c.run_id.in_(sa.bindparam("ids", expanding=True)),
        attempts.c.stale == 0,
        attempts.c.ended_at.is_(None),
    )
)
_LEFT = ("active_key", "lease_until", "finished_at")
_TOLD = ("reason", "message", "stopped_by")
_FINISH = EachUpdate(
    (runs.c.id, runs.c.epoch, runs.c.session),
    [runs.c[name] for name in ("reason", "message", "result", *MEASURED, *_LEFT, "state")],
    RunState.RUNNING,
)
_CLOSE = EachUpdate(
    (attempts.c.run_id, attempts.c.epoch, attempts.c.stale),
    [attempts.c[name] for name in ("ended_at", "outcome_id", *_TOLD, *MEASURED, "state")],
)


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


def finish_together(tx: Tx, decisions: Sequence[FinishDecision]) -> Mapping[int, FinishVerdict]:
    """The usual case of many at once: the holder reports the end of a run that holds no slot."""
    ids = {"ids": sorted({decision.held.id for decision in decisions})}
    found = {row.id: row for row in _RUNNING.all(tx, ids)}
    opened = {(row.run_id, row.epoch) for row in _OPEN.all(tx, ids)}
    ready: dict[int, FinishDecision] = {}
    for place, decision in enumerate(decisions):
        row = found.get(decision.held.id)
        if row is not None and (row.id, row.epoch) in opened and _ends_simply(row, decision):
            del found[row.id]  # a second report at the same time is answered after this one
            ready[place] = decision
    if ready:
        _FINISH.write(tx, [_finished(tx, decision) for decision in ready.values()])
        _CLOSE.write(tx, [_closed(tx, decision) for decision in ready.values()])
    return dict.fromkeys(ready, FinishVerdict.ACCEPTED)


def _ends_simply(row: Row, decision: FinishDecision) -> bool:
    held, outcome = decision.held, decision.outcome
    if (row.epoch, row.session, row.state) != (held.epoch, held.session, RunState.RUNNING):
        return False
    small = len(outcome.result or "") + len(outcome.message) <= LARGE
    ended = decision.state.final and outcome.state is not RunState.LOST
    return small and ended and row.active_key is None


def _finished(tx: Tx, decision: FinishDecision) -> dict[str, Any]:
    held = decision.held
    mine = {"id": held.id, "epoch": held.epoch, "session": held.session}
    return mine | final_values(tx, Ending(decision.outcome, decision.state))


def _closed(tx: Tx, decision: FinishDecision) -> dict[str, Any]:
    mine = {"run_id": decision.held.id, "epoch": decision.held.epoch, "stale": 0, "ended_at": tx.now}
    return mine | told(decision.outcome)


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
