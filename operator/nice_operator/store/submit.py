"""A request for a run (T3): one run per key, whoever asks how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.concurrency import Refuse, Start
from nice_operator.domain.errors import Conflict, InvalidInput, KeyReused, TaskChanged
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Run
from nice_operator.ports import NewRun, Submitted
from nice_operator.store import new_runs
from nice_operator.store.new_runs import Draft, RunRow
from nice_operator.store.placing import place
from nice_operator.store.prepared import Prepared
from nice_operator.store.recording import LARGE, record
from nice_operator.store.rows import new_run
from nice_operator.store.run_queries import get_run
from nice_operator.store.slots import active_runs
from nice_operator.store.tables import KEY_BYTES, runs, tasks
from nice_operator.store.task_rows import locked_row
from nice_operator.store.times import to_micros
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]

_SAME_KEYS = Prepared(
    sa.select(runs.c.task_id, runs.c.fire_key).where(
        sa.tuple_(runs.c.task_id, runs.c.fire_key).in_(sa.bindparam("keys", expanding=True))
    )
)
_TASKS = Prepared(
    sa.select(tasks.c.id, tasks.c.living, tasks.c.generation, tasks.c.suspended).where(
        tasks.c.id.in_(sa.bindparam("ids", expanding=True))
    )
)


def submit(tx: Tx, versions: Versions, new: NewRun) -> Submitted:
    """Record the request, or return what the same key recorded before. Raises KeyReused and Conflict,
    which may be TaskChanged."""
    _refuse_long_key(new.key)
    known = _by_key(tx, new)
    if known is not None:
        return known
    task = _task(tx, versions, new)
    draft = _draft(tx, versions, task, new)
    row = _row(tx, draft)
    record(tx, [row])
    run = get_run(tx, new.id)
    assert run is not None  # noqa: S101  written in this transaction
    return Submitted(run, created=True)


def submit_together(tx: Tx, versions: Versions, asked: Sequence[NewRun]) -> Mapping[int, Submitted]:
    """The usual case of many at once: a new key, and a task that may run and has no limit."""
    keys = [(new.task.id, new.key) for new in asked]
    taken = {(row.task_id, row.fire_key) for row in _SAME_KEYS.all(tx, {"keys": sorted(set(keys))})}
    found = {row.id: row for row in _TASKS.all(tx, {"ids": sorted({new.task.id for new in asked})})}
    drafts: dict[int, Draft] = {}
    for position, (new, key) in enumerate(zip(asked, keys, strict=True)):
        task = found.get(new.task.id)
        if key in taken or task is None or not _usual(task, new) or not _small(new):
            continue
        draft = _draft(tx, versions, task, new)
        if not draft.spec.concurrency.bounded:
            taken.add(key)
            drafts[position] = draft
    rows = {position: new_runs.admitted(draft, None) for position, draft in drafts.items()}
    if rows:
        record(tx, list(rows.values()))
    return {position: _submitted(asked[position], row) for position, row in rows.items()}


def _submitted(new: NewRun, row: RunRow) -> Submitted:
    return Submitted(new_run(row, new.task.namespace, new.task.name), created=True)


def _usual(task: Row, new: NewRun) -> bool:
    runnable = task.living is not None and task.generation > 0 and not task.suspended
    return runnable and not _is_another(task, new)


def _small(new: NewRun) -> bool:
    """One statement for many must stay far below what a server takes (max_allowed_packet)."""
    return len(new.payload) <= LARGE and len(new.key.encode()) <= KEY_BYTES


def _is_another(task: Row, new: NewRun) -> bool:
    return new.exact and (task.living is None or task.generation != new.task.generation)


def _refuse_long_key(key: str) -> None:
    length = len(key.encode())
    if length > KEY_BYTES:
        raise InvalidInput(
            f"idempotency key: expected at most {KEY_BYTES} bytes, found {length}; use a shorter one"
        )


def _by_key(tx: Tx, new: NewRun) -> Submitted | None:
    same_key = sa.select(runs.c.id).where(runs.c.task_id == new.task.id, runs.c.fire_key == new.key)
    row = tx.first(same_key)
    run = None if row is None else get_run(tx, RunId(row.id))
    if run is None:
        return None
    if run.id == new.id:  # our own commit, whose answer was lost
        return Submitted(run, created=True)
    _refuse_other_body(run, new)
    return Submitted(run, created=False)


def _refuse_other_body(run: Run, new: NewRun) -> None:
    if run.payload != new.payload:
        raise KeyReused(
            f"the key of run {run.id} was used before with another payload; use a new key for a new request"
        )


def _task(tx: Tx, versions: Versions, new: NewRun) -> Row:
    """The task as it is now, locked if a limit must be kept."""
    row = tx.first(sa.select(tasks).where(tasks.c.id == new.task.id))
    if row is not None and row.generation and _bounded(tx, versions, row):
        row = locked_row(tx, row.id)
    name = f"task {new.task.namespace}/{new.task.name}"
    if new.exact and (row is None or _is_another(row, new)):
        raise TaskChanged(f"{name} is not at generation {new.task.generation} any more; look it up again")
    if row is None or row.living is None:
        raise Conflict(f"{name} was deleted; only tasks that exist can be run")
    if not row.generation:
        raise Conflict(f"{name} has no version that can run ({row.stalled}); mend its definition first")
    if row.suspended:
        raise Conflict(f"{name} is suspended; set spec.suspend to false to run it")
    return row


def _bounded(tx: Tx, versions: Versions, row: Row) -> bool:
    return versions.one(tx, row.id, row.generation).spec.concurrency.bounded


def _draft(tx: Tx, versions: Versions, task: Row, new: NewRun) -> Draft:
    at = tx.now if new.available_at is None else to_micros(new.available_at)
    return Draft(
        id=new.id,
        task_id=task.id,
        generation=task.generation,
        spec=versions.one(tx, task.id, task.generation).spec,
        key=new.key,
        scheduled_for=at,
        available_at=at,
        now=tx.now,
        requester=new.requester,
        payload=new.payload,
        rerun_of=new.rerun_of,
        payload_given=new.payload_given,
    )


def _row(tx: Tx, draft: Draft) -> RunRow:
    if draft.available_at > draft.now and draft.spec.concurrency.bounded:
        return new_runs.waiting(draft, None)  # considered when its time comes; until then in nobody's way
    active = active_runs(tx, [draft.task_id])[draft.task_id] if draft.spec.concurrency.bounded else []
    placed = place(tx, draft, active)
    if isinstance(placed, Refuse):
        raise _conflict(placed)
    if isinstance(placed, Start):
        return new_runs.admitted(draft, placed.slot)
    return new_runs.waiting(draft, placed.blocked_by.id)


def _conflict(refusal: Refuse) -> Conflict:
    blocker = refusal.blocked_by
    return Conflict(new_runs.in_the_way(refusal), run=blocker.id, state=blocker.state)
