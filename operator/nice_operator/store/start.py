"""The start barrier (T5): claimed → running, committed before any of the user's code runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import HostFacts, RunState
from nice_operator.ports import HeldRun, StartVerdict
from nice_operator.store.leases import RUNNING
from nice_operator.store.many_rows import EachInsert, EachUpdate
from nice_operator.store.prepared import Prepared
from nice_operator.store.rows import write_host
from nice_operator.store.sessions import fenced_among, is_fenced
from nice_operator.store.tables import attempts, runs
from nice_operator.store.times import span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]

_READ = ("id", "task_id", "generation", "state", "epoch", "session", "worker", "attempt", "claimed_at")
_CLAIMED = Prepared(
    sa.select(*(runs.c[name] for name in (*_READ, "cancel_requested_at"))).where(
        runs.c.id.in_(sa.bindparam("ids", expanding=True))
    ),
    locks=True,
)
_START = EachUpdate(
    (runs.c.id, runs.c.epoch, runs.c.session),
    (runs.c.lease_until, runs.c.deadline_at, runs.c.started_at, runs.c.host, runs.c.state),
    RunState.CLAIMED,
)
_BEGUN = ("run_id", "epoch", "number", "session", "worker", "claimed_at", "started_at", "host")
BEGIN = EachInsert([attempts.c[name] for name in _BEGUN], {"stale": "0", "reason": "X''", "message": "X''"})
"""The attempts of runs that begin."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A worker asks to start what it holds."""

    held: HeldRun
    host: HostFacts


def start(tx: Tx, versions: Versions, held: HeldRun, host: HostFacts) -> StartVerdict:
    """Whether the worker may run it now. The same question by the same holder gets the same answer."""
    row = tx.first(sa.select(runs).where(runs.c.id == held.id))
    if row is None or (row.epoch, row.session) != (held.epoch, held.session) or is_fenced(tx, held.session):
        return StartVerdict.STALE
    if row.state == RunState.CLAIMED and _move(tx, versions, row, host):
        BEGIN.write(tx, [_attempt(tx, row, host)])
        return StartVerdict.STARTED
    return _verdict(tx, held)


def start_together(tx: Tx, versions: Versions, asked: Sequence[Asked]) -> Mapping[int, StartVerdict]:
    """The usual case of many at once: a claim that still holds, nobody cancelled. Others are left out."""
    found = {row.id: row for row in _CLAIMED.all(tx, {"ids": sorted({a.held.id for a in asked})})}
    fenced = fenced_among(tx, {a.held.session for a in asked})
    ready: dict[int, tuple[Row, HostFacts]] = {}
    for place, each in enumerate(asked):
        row = found.get(each.held.id)
        if row is not None and each.held.session not in fenced and _may_start(row, each.held):
            del found[row.id]  # who asks twice at once is answered one after the other
            ready[place] = (row, each.host)
    if ready:
        _START.write(tx, [_started(tx, versions, row, host) for row, host in ready.values()])
        BEGIN.write(tx, [_attempt(tx, row, host) for row, host in ready.values()])
    return dict.fromkeys(ready, StartVerdict.STARTED)


def _may_start(row: Row, held: HeldRun) -> bool:
    theirs = (row.epoch, row.session, row.state) == (held.epoch, held.session, RunState.CLAIMED)
    return theirs and row.cancel_requested_at is None


def _started(tx: Tx, versions: Versions, row: Row, host: HostFacts) -> dict[str, Any]:
    timeout = versions.one(tx, row.task_id, row.generation).spec.timeout
    return {
        "id": row.id,
        "epoch": row.epoch,
        "session": row.session,
        "lease_until": tx.now + RUNNING,
        "deadline_at": tx.now + span(timeout),
        "started_at": tx.now,
        "host": write_host(host),
        "state": RunState.RUNNING,
    }


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
            started_at=tx.now,
            host=write_host(host),
            state=RunState.RUNNING,
        )
    )
    return moved == 1


def _attempt(tx: Tx, row: Row, host: HostFacts) -> dict[str, Any]:
    return {
        "run_id": row.id,
        "epoch": row.epoch,
        "number": row.attempt,
        "session": row.session,
        "worker": row.worker,
        "claimed_at": row.claimed_at,
        "started_at": tx.now,
        "host": write_host(host),
    }


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
