"""Firing (T1, T1b, T2): what is due becomes runs, exactly once, whoever else tries.

Each task's row is locked while its plan's guards are checked; the same transaction moves the cursor and
records every planned moment. UNIQUE(task_id, fire_key) stands behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.concurrency import ActiveRun, Refuse, Start, Wait
from nice_operator.domain.run import MissedSpan, RunState
from nice_operator.domain.task import ConcurrencyPolicy, TaskSpec
from nice_operator.ports import FirePlan, PlannedFire
from nice_operator.store import new_runs
from nice_operator.store.cursors import advance, take
from nice_operator.store.new_runs import Draft, RunRow, missed_key
from nice_operator.store.placing import place
from nice_operator.store.prepared import Prepared
from nice_operator.store.recording import record
from nice_operator.store.slots import active_runs
from nice_operator.store.tables import runs
from nice_operator.store.times import to_micros
from nice_operator.store.tx import Tx

_KNOWN = Prepared(
    sa.select(runs.c.task_id, runs.c.fire_key).where(
        runs.c.task_id.in_(sa.bindparam("tasks", expanding=True)),
        runs.c.fire_key.in_(sa.bindparam("keys", expanding=True)),
    )
)

BATCH = 500
"""Tasks per statement."""


def fire(tx: Tx, plans: Sequence[FirePlan]) -> int:
    """Apply the plans; returns how many held their guards. Tasks are locked in the order of their ids."""
    ordered = sorted(plans, key=lambda plan: plan.task.id)
    batches = (ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH))
    return sum(_fire_batch(tx, batch) for batch in batches)


def _fire_batch(tx: Tx, plans: Sequence[FirePlan]) -> int:
    held = take(tx, plans)
    if held:
        recorder = _Recorder(tx, held)
        for plan in held:
            recorder.record(plan)
        recorder.flush()
        advance(tx, held)
    return len(held)


class _Recorder:
    """Turns the plans of one batch into rows, inserted together."""

    def __init__(self, tx: Tx, plans: Sequence[FirePlan]) -> None:
        self._tx = tx
        self._known = _known_keys(tx, plans)
        self._active = active_runs(tx, [plan.task.id for plan in plans if _spec(plan).concurrency.bounded])
        self._rows: list[RunRow] = []

    def record(self, plan: FirePlan) -> None:
        """Every planned moment gets its row, or its part of one. A moment that has its row already (a
        schedule was edited back and forth) gets no second one."""
        if plan.missed is not None:
            self._record_missed(plan, plan.missed)
        refused = False
        for position, planned in enumerate(plan.fires):
            if (plan.task.id, planned.key) not in self._known:
                patient = plan.wait_for_siblings and position > 0 and not refused
                refused = self._record_fire(plan, planned, patient)

    def flush(self) -> None:
        """Insert what has gathered."""
        rows, self._rows = self._rows, []
        record(self._tx, rows)

    def _record_missed(self, plan: FirePlan, span: MissedSpan) -> None:
        key = missed_key(span)
        if (plan.task.id, key) in self._known:
            return
        draft = _draft(plan, key, span.first, self._tx.now)
        self._rows.append(new_runs.missed(draft, span, plan.missed_reason, plan.missed_message))

    def _record_fire(self, plan: FirePlan, planned: PlannedFire, patient: bool) -> bool:
        """Returns whether the policy refused it."""
        draft = _draft(plan, planned.key, planned.at, self._tx.now)
        if not draft.spec.concurrency.bounded:
            self._rows.append(new_runs.admitted(draft, None))
            return False
        placed = self._place(draft, patient)
        self._rows.append(_row(draft, placed))
        if not isinstance(placed, Refuse):
            self._active.setdefault(draft.task_id, []).append(_as_active(draft, placed))
        return isinstance(placed, Refuse)

    def _place(self, draft: Draft, patient: bool) -> Start | Wait | Refuse:
        if draft.spec.concurrency.policy is not ConcurrencyPolicy.REPLACE:
            return place(self._tx, draft, self._active.get(draft.task_id, []), patient=patient)
        self.flush()  # replacing cancels rows, so they must be there
        placed = place(self._tx, draft, self._active.get(draft.task_id, []), patient=patient)
        self._active[draft.task_id] = active_runs(self._tx, [draft.task_id]).get(draft.task_id, [])
        return placed


def _spec(plan: FirePlan) -> TaskSpec:
    assert plan.task.spec is not None  # noqa: S101  a task without a good version is never due
    return plan.task.spec


def _draft(plan: FirePlan, key: str, at: datetime, now: int) -> Draft:
    task = plan.task
    return new_runs.planned(task.id, task.generation, _spec(plan), key, to_micros(at), now)


def _row(draft: Draft, placed: Start | Wait | Refuse) -> RunRow:
    match placed:
        case Start(slot):
            return new_runs.admitted(draft, slot)
        case Wait(blocker):
            return new_runs.waiting(draft, blocker.id)
        case Refuse():
            return new_runs.skipped(draft, placed)


def _as_active(draft: Draft, placed: Start | Wait) -> ActiveRun:
    slot = placed.slot if isinstance(placed, Start) else None
    return ActiveRun(draft.id, RunState.QUEUED, slot, waiting=isinstance(placed, Wait))


def _known_keys(tx: Tx, plans: Sequence[FirePlan]) -> frozenset[tuple[UUID, str]]:
    keys = {fire.key for plan in plans for fire in plan.fires}
    keys |= {missed_key(plan.missed) for plan in plans if plan.missed is not None}
    if not keys:
        return frozenset()
    rows = _KNOWN.all(tx, {"tasks": [plan.task.id for plan in plans], "keys": sorted(keys)})
    return frozenset((row.task_id, row.fire_key) for row in rows)
