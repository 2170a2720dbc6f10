"""Admission: may a new run of a task start beside those that are active? Pure; the store asks while it
holds the task's row, so the answer is still true when it is written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nice_operator.domain.ids import RunId
from nice_operator.domain.reasons import Reason
from nice_operator.domain.run import RunState
from nice_operator.domain.task import Concurrency, ConcurrencyPolicy


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A run of the task that has not ended. ``waiting``: it has not been admitted yet. ``slot`` is None
    for a waiting one, and for one admitted when the task had no limit."""

    id: RunId
    state: RunState
    slot: int | None
    waiting: bool


@dataclass(frozen=True, slots=True)
class Start:
    """It may run; ``slot`` is None for a task without a limit."""

    slot: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """It is recorded and waits until a slot is free."""

    blocked_by: ActiveRun


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not run; ``blocked_by`` is in its way."""

    reason: Reason
    blocked_by: ActiveRun


@dataclass(frozen=True, slots=True)
class Replace:
    """All of ``victims`` shall end; it runs as soon as they have."""

    victims: tuple[ActiveRun, ...]


Admission = Start | Wait | Refuse | Replace


def admit(concurrency: Concurrency, active: Sequence[ActiveRun], *, patient: bool = False) -> Admission:
    """Decide about one new run. ``active`` oldest first; ``patient`` runs wait where Forbid would refuse
    (fires that were missed together)."""
    slot = free_slot(concurrency, active)
    waiting = [run for run in active if run.waiting]
    if not concurrency.bounded or (slot is not None and not waiting):
        return Start(slot)
    if concurrency.policy is ConcurrencyPolicy.REPLACE and not patient:
        return Replace(tuple(active))
    in_the_way = next((run for run in active if not run.waiting), active[0])
    if concurrency.policy is ConcurrencyPolicy.FORBID and not patient:
        return Refuse(Reason.OVERLAP, in_the_way)
    if concurrency.policy is ConcurrencyPolicy.COALESCE and waiting:
        return Refuse(Reason.COALESCED, waiting[0])
    return Wait(in_the_way)


def free_slot(concurrency: Concurrency, active: Sequence[ActiveRun]) -> int | None:
    """The lowest free slot; None when there is none, or no limit. Runs admitted without a slot (before the
    task had a limit) count too."""
    if concurrency.limit is None:
        return None
    admitted = [run for run in active if not run.waiting]
    if len(admitted) >= concurrency.limit:
        return None
    taken = {run.slot for run in admitted}
    return next(slot for slot in range(concurrency.limit) if slot not in taken)
