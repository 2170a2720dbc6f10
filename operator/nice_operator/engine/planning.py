"""From a definition or a due task to what the store shall write. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.schedule import FirstFire, MissReason, Standing, Timetable, first_fire, plan_fires
from nice_operator.domain.schedule.catchup import span_of
from nice_operator.domain.task import CatchUp, ConcurrencyPolicy, Task, TaskDefinition, TaskSpec
from nice_operator.engine import timetables
from nice_operator.ports import Basis, DueTask, FirePlan, PlannedFire, PutTask


def plan_put(definition: TaskDefinition, known: Task | None, now: datetime) -> PutTask:
    """What recording this definition does to the schedule. ``known`` is the living task of that name."""
    spec = definition.spec
    if spec is None:
        return PutTask(definition, None, None)
    if known is not None and known.uid != definition.uid:
        known = None
    anchor = (known.anchor_at if known else None) or now
    previous = _standing(known)
    first = _first_fire(definition, spec, previous, anchor, now)
    next_fire_at = None if spec.suspend else first.next_fire_at
    reason = first.reason.value if first.reason else ""
    return PutTask(definition, next_fire_at, anchor, first.missed, reason, basis=_basis(known))


def _basis(known: Task | None) -> Basis:
    return Basis() if known is None else Basis(known.id, known.generation, known.next_fire_at)


def _first_fire(
    definition: TaskDefinition, spec: TaskSpec, previous: Standing | None, anchor: datetime, now: datetime
) -> FirstFire:
    table = timetables.of_spec(spec, definition.namespace, definition.name, anchor)
    first = first_fire(table, now=now, created_at=definition.created_at, previous=previous)
    if spec.suspend and first.missed is None and previous is not None:
        return _suspended(previous, now)
    return first


def _suspended(previous: Standing, now: datetime) -> FirstFire:
    """What was due before the suspension, and will not run, is told."""
    due = previous.next_fire_at
    if previous.suspended or due is None or due > now:
        return FirstFire(None)
    missed = span_of(previous.timetable, due=due, now=now)
    return FirstFire(None, missed, MissReason.SCHEDULE_CHANGED)


def _standing(known: Task | None) -> Standing | None:
    table = timetables.timetable(known) if known else None
    if known is None or table is None or known.spec is None:
        return None
    return Standing(table, known.next_fire_at, known.spec.suspend)


def plan_due(due: DueTask, now: datetime) -> FirePlan | None:
    """What a due task does now; None for one that has no good version (its schedule does not go on)."""
    task = due.task
    table = timetables.timetable(task)
    if task.spec is None or table is None:
        return None
    spec = task.spec
    decided = _decide(table, due.due, now, spec.catch_up, spec.starting_deadline)
    return FirePlan(
        task=task,
        due=due.due,
        next_fire_at=decided.next_fire_at,
        fires=decided.fires,
        missed=decided.missed,
        missed_reason=decided.missed_reason,
        wait_for_siblings=_siblings_wait(spec),
    )


@dataclass(frozen=True, slots=True)
class _Decided:
    """What a timetable alone says of a due moment, whichever task has it. Explained at ``FirePlan``."""

    fires: tuple[PlannedFire, ...]
    next_fire_at: datetime | None
    missed: MissedSpan | None
    missed_reason: str


@lru_cache(maxsize=512)
def _decide(
    table: Timetable, due: datetime, now: datetime, catch_up: CatchUp, deadline: timedelta | None
) -> _Decided:
    """Kept, because tasks that are due together have few timetables, and one ``now``."""
    plan = plan_fires(table, due=due, now=now, catch_up=catch_up, starting_deadline=deadline)
    return _Decided(
        fires=tuple(PlannedFire(fire.key, fire.at) for fire in plan.fires),
        next_fire_at=plan.next_fire_at,
        missed=plan.missed,
        missed_reason=plan.reason.value if plan.reason else "",
    )


def _siblings_wait(spec: TaskSpec) -> bool:
    """``catchUp: All`` promises each of its fires a run, so under Forbid they run one after another."""
    return spec.catch_up is CatchUp.ALL and spec.concurrency.policy is ConcurrencyPolicy.FORBID
