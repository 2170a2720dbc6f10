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
from nice_operator.ports import MOST_TAKEN, Claimed, ClaimRequest
from nice_operator.store.claim import CLAIM, CLAIMABLE, next_where
from nice_operator.store.leases import RUNNING
from nice_operator.store.many_rows import EachUpdate
from nice_operator.store.prepared import Prepared, Row
from nice_operator.store.rows import to_run, write_host
from nice_operator.store.sessions import open_among
from nice_operator.store.slots import admit_new
from nice_operator.store.start import BEGIN
from nice_operator.store.tables import runs
from nice_operator.store.times import from_micros, span
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Version, VersionKey, Versions

_BUSY = Prepared(
    sa.select(runs.c.queue)
    .distinct()
    .where(runs.c.queue.in_(sa.bindparam("queues", expanding=True)), *CLAIMABLE)
)
_NEXT = next_where(runs.c.queue == sa.bindparam("queue"))
_STARTED = ("deadline_at", "started_at", "host", "state")
_START = EachUpdate([runs.c.id, runs.c.epoch], [runs.c[name] for name in _STARTED], RunState.CLAIMED)


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
    alive = open_among(tx, {request.session for request in asked}) if asked else ()
    return [_Asker(request) for request in asked if request.session in alive]


def _busy_queues(tx: Tx, askers: Sequence[_Asker]) -> Sequence[str]:
    """Those of the queues asked for that have work now; a single one is as quickly asked itself."""
    wanted = sorted({queue for asker in askers for queue in asker.request.queues or ()})
    if len(wanted) == 1:
        return wanted
    return [row.queue for row in _BUSY.all(tx, {"queues": wanted, "now": tx.now})]


def _deal(tx: Tx, queue: str, askers: Sequence[_Asker]) -> Iterator[tuple[Row, ClaimRequest]]:
    """The queue's next runs, dealt out evenly: the hungriest first, one to each before anybody gets two."""
    serving = [asker for asker in askers if asker.left and queue in (asker.request.queues or ())]
    room = min(sum(asker.left for asker in serving), MOST_TAKEN)
    if not room:
        return
    rows = deque(_NEXT.all(tx, {"queue": queue, "selectors": (ANY_WORKER,), "now": tx.now, "room": room}))
    while rows:
        hungry = sorted((asker for asker in serving if asker.left), key=lambda asker: -asker.left)
        for asker in hungry[: len(rows)]:
            asker.left -= 1
            yield rows.popleft(), asker.request


def _claim(tx: Tx, taken: Sequence[_Taken]) -> None:
    common = {"lease_until": tx.now + RUNNING, "claimed_at": tx.now, "state": RunState.CLAIMED}
    common |= {"reason": "", "message": ""}
    CLAIM.write(
        tx,
        [
            {"id": one.row.id, "session": one.request.session, "worker": one.request.worker, **common}
            for one in taken
        ],
    )


def _start(tx: Tx, taken: Sequence[_Taken], host: HostFacts) -> None:
    facts = write_host(host)
    common = {"started_at": tx.now, "host": facts, "state": RunState.RUNNING}
    rows = [
        {"id": one.row.id, "epoch": one.epoch, "deadline_at": _deadline(tx, one.version), **common}
        for one in taken
    ]
    _START.write(tx, rows)
    BEGIN.write(tx, [_attempt(tx, one, facts) for one in taken])


def _deadline(tx: Tx, version: Version) -> int:
    return tx.now + span(version.spec.timeout)


def _attempt(tx: Tx, one: _Taken, host: str | None) -> dict[str, Any]:
    return {
        "run_id": one.row.id,
        "epoch": one.epoch,
        "number": one.row.attempt + 1,
        "session": one.request.session,
        "worker": one.request.worker,
        "claimed_at": tx.now,
        "started_at": tx.now,
        "host": host,
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
