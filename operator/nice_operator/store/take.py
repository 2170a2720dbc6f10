"""Claiming and starting in one transaction (T4, T5), for workers that hear of a run only when it may begin.

Both transitions are made, one after the other: a run is never running without having been claimed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import HostFacts, Run, RunState
from nice_operator.domain.selector import ANY_WORKER
from nice_operator.ports import Claimed, ClaimRequest
from nice_operator.store.claim import candidates, claimable
from nice_operator.store.leases import RUNNING
from nice_operator.store.rows import to_run, write_host
from nice_operator.store.slots import admit_new
from nice_operator.store.tables import attempts, runs, worker_sessions
from nice_operator.store.times import from_micros, span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Version, VersionKey, Versions

MOST_AT_ONCE = 500
"""Runs of one transaction; the next one takes the others."""

Row = sa.Row[Any]


@dataclass(slots=True)
class _Asker:
    """One worker and how many runs it can still be given."""

    request: ClaimRequest
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = self.request.free


@dataclass(frozen=True, slots=True)
class _Taken:
    """A run and the worker that gets it."""

    row: Row
    request: ClaimRequest
    version: Version

    @property
    def epoch(self) -> int:
        epoch: int = self.row.epoch
        return epoch + 1


def take(tx: Tx, versions: Versions, requests: Sequence[ClaimRequest], host: HostFacts) -> Sequence[Claimed]:
    """Up to ``free`` runs for each request, by priority, then age; none for a closed session."""
    askers = _open(tx, requests)
    if not askers:
        return ()
    admit_new(tx, versions)
    dealt = [pair for queue in _busy_queues(tx, askers) for pair in _deal(tx, queue, askers)]
    if not dealt:
        return ()
    found = versions.many(tx, [VersionKey(row.task_id, row.generation) for row, _ in dealt])
    taken = [_Taken(row, r, found[VersionKey(row.task_id, row.generation)]) for row, r in dealt]
    _claim(tx, taken)
    _start(tx, taken, host)
    return [Claimed(_after(tx, one, host), one.version.spec) for one in taken]


def _open(tx: Tx, requests: Sequence[ClaimRequest]) -> list[_Asker]:
    asked = [request for request in requests if request.free > 0 and request.queues]
    query = sa.select(worker_sessions.c.id).where(
        worker_sessions.c.id.in_([request.session for request in asked]),
        worker_sessions.c.closed_at.is_(None),
    )
    alive = {row.id for row in tx.all(query)} if asked else set()
    return [_Asker(request) for request in asked if request.session in alive]


def _busy_queues(tx: Tx, askers: Sequence[_Asker]) -> Sequence[str]:
    """Those of the queues asked for that have work now."""
    wanted = sorted({queue for asker in askers for queue in asker.request.queues or ()})
    query = sa.select(runs.c.queue).distinct().where(runs.c.queue.in_(wanted), *claimable(tx))
    return [row.queue for row in tx.all(query)]


def _deal(tx: Tx, queue: str, askers: Sequence[_Asker]) -> Iterator[tuple[Row, ClaimRequest]]:
    """The queue's next runs, dealt out evenly: the hungriest first, one to each before anybody gets two."""
    serving = [asker for asker in askers if asker.left and queue in (asker.request.queues or ())]
    room = min(sum(asker.left for asker in serving), MOST_AT_ONCE)
    if not room:
        return
    rows = deque(tx.locked(candidates(tx, (ANY_WORKER,), runs.c.queue == queue, room), skip=True))
    while rows:
        hungry = sorted((asker for asker in serving if asker.left), key=lambda asker: -asker.left)
        for asker in hungry[: len(rows)]:
            asker.left -= 1
            yield rows.popleft(), asker.request


def _claim(tx: Tx, taken: Sequence[_Taken]) -> None:
    statement = (
        sa.update(runs)
        .where(runs.c.id == sa.bindparam("run"), runs.c.state == RunState.QUEUED)
        .values(
            attempt=runs.c.attempt + 1,
            epoch=runs.c.epoch + 1,
            session=sa.bindparam("to_session"),
            worker=sa.bindparam("to_worker"),
            lease_until=tx.now + RUNNING,
            claimed_at=tx.now,
            reason="",
            message="",
            state=RunState.CLAIMED,
        )
    )
    _all_moved(
        taken,
        tx.write(
            statement,
            [
                {"run": one.row.id, "to_session": one.request.session, "to_worker": one.request.worker}
                for one in taken
            ],
        ),
    )


def _start(tx: Tx, taken: Sequence[_Taken], host: HostFacts) -> None:
    statement = (
        sa.update(runs)
        .where(
            runs.c.id == sa.bindparam("run"),
            runs.c.epoch == sa.bindparam("at_epoch"),
            runs.c.state == RunState.CLAIMED,
        )
        .values(
            deadline_at=sa.bindparam("deadline"),
            started_at=tx.now,
            host=write_host(host),
            state=RunState.RUNNING,
        )
    )
    values = [
        {"run": one.row.id, "at_epoch": one.epoch, "deadline": _deadline(tx, one.version)} for one in taken
    ]
    _all_moved(taken, tx.write(statement, values))
    tx.write(sa.insert(attempts), [_attempt(tx, one, host) for one in taken])


def _all_moved(taken: Sequence[_Taken], moved: int) -> None:
    if moved != len(taken):
        raise RuntimeError(f"{len(taken)} locked runs were to be taken, {moved} were: the lock is not held")


def _deadline(tx: Tx, version: Version) -> int:
    return tx.now + span(version.spec.timeout)


def _attempt(tx: Tx, one: _Taken, host: HostFacts) -> dict[str, Any]:
    return {
        "run_id": one.row.id,
        "epoch": one.epoch,
        "stale": 0,
        "number": one.row.attempt + 1,
        "session": one.request.session,
        "worker": one.request.worker,
        "claimed_at": tx.now,
        "started_at": tx.now,
        "reason": "",
        "message": "",
        "host": write_host(host),
    }


def _after(tx: Tx, one: _Taken, host: HostFacts) -> Run:
    """The run as the two steps left it, without reading it again."""
    run = to_run(one.row, one.version.namespace, one.version.name)
    return replace(
        run,
        state=RunState.RUNNING,
        reason="",
        message="",
        attempt=run.attempt + 1,
        epoch=one.epoch,
        session=one.request.session,
        worker=one.request.worker,
        lease_until=from_micros(tx.now + RUNNING),
        started_at=from_micros(tx.now),
        deadline_at=from_micros(_deadline(tx, one.version)),
        host=host,
    )
