"""The cursors of schedules: ``tasks.next_fire_at``, moved by compare-and-swap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.ports import FirePlan
from nice_operator.store.many_rows import EachUpdate
from nice_operator.store.prepared import Prepared
from nice_operator.store.tables import tasks
from nice_operator.store.times import maybe_micros, to_micros
from nice_operator.store.tx import Tx

_TAKE = Prepared(
    sa.select(tasks.c.id, tasks.c.next_fire_at, tasks.c.generation)
    .where(tasks.c.id.in_(sa.bindparam("ids", expanding=True)), tasks.c.suspended == 0, tasks.c.living == 1)
    .order_by(tasks.c.id),
    locks=True,
)
_MOVE = EachUpdate(
    [tasks.c.id],
    [tasks.c.next_fire_at],
    was=[tasks.c.next_fire_at, tasks.c.generation],
    added=[tasks.c.fired],
    only=["suspended = 0", "living = 1"],
)


def take(tx: Tx, plans: Sequence[FirePlan]) -> Sequence[FirePlan]:
    """Lock the tasks; returns the plans whose guards hold: same next fire, same generation, living, not
    suspended. From here to the commit nobody else can fire these."""
    rows = _TAKE.all(tx, {"ids": [plan.task.id for plan in plans]})
    now = {row.id: (row.next_fire_at, row.generation) for row in rows}
    return [plan for plan in plans if now.get(plan.task.id) == (to_micros(plan.due), plan.task.generation)]


def advance(tx: Tx, plans: Sequence[FirePlan]) -> None:
    """Move the cursors of plans that were taken in this transaction. Raises RuntimeError when one was not."""
    _MOVE.write(tx, [_values(plan) for plan in plans])


def _values(plan: FirePlan) -> dict[str, Any]:
    return {
        "id": plan.task.id,
        "was_next_fire_at": to_micros(plan.due),
        "was_generation": plan.task.generation,
        "next_fire_at": maybe_micros(plan.next_fire_at),
        "added_fired": len(plan.fires),
    }
