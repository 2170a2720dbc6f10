"""The cursors of schedules: ``tasks.next_fire_at``, moved by compare-and-swap."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from nice_operator.ports import FirePlan
from nice_operator.store.tables import tasks
from nice_operator.store.times import maybe_micros, to_micros
from nice_operator.store.tx import Tx

_MOVE_ONE = (
    sa.update(tasks)
    .where(
        tasks.c.id == sa.bindparam("task_id"),
        tasks.c.next_fire_at == sa.bindparam("due"),
        tasks.c.generation == sa.bindparam("seen_generation"),
        tasks.c.suspended == 0,
        tasks.c.living == 1,
    )
    .values(next_fire_at=sa.bindparam("following"), fired=tasks.c.fired + sa.bindparam("fires"))
)

# The same for many rows in one statement: a server far away must not be asked once per task.
_MOVE_MANY = sa.text("""
    UPDATE tasks
      JOIN JSON_TABLE(:plans, '$[*]' COLUMNS (
             task_id CHAR(32) PATH '$.task_id', due BIGINT PATH '$.due',
             seen_generation BIGINT PATH '$.seen_generation',
             following BIGINT PATH '$.following', fires INT PATH '$.fires')) AS plan
        ON tasks.id = UNHEX(plan.task_id)
       SET tasks.next_fire_at = plan.following, tasks.fired = tasks.fired + plan.fires
     WHERE tasks.next_fire_at = plan.due AND tasks.generation = plan.seen_generation
       AND tasks.suspended = 0 AND tasks.living = 1
""")


def take(tx: Tx, plans: Sequence[FirePlan]) -> Sequence[FirePlan]:
    """Lock the tasks; returns the plans whose guards hold: same next fire, same generation, living, not
    suspended. From here to the commit nobody else can fire these."""
    query = sa.select(tasks.c.id, tasks.c.next_fire_at, tasks.c.generation).where(
        tasks.c.id.in_([plan.task.id for plan in plans]), tasks.c.suspended == 0, tasks.c.living == 1
    )
    now = {row.id: (row.next_fire_at, row.generation) for row in tx.locked(query.order_by(tasks.c.id))}
    return [plan for plan in plans if now.get(plan.task.id) == (to_micros(plan.due), plan.task.generation)]


def advance(tx: Tx, plans: Sequence[FirePlan]) -> None:
    """Move the cursors of plans that were taken in this transaction."""
    values = [_values(plan) for plan in plans]
    if tx.mysql:
        as_text = [row | {"task_id": row["task_id"].hex} for row in values]
        moved = tx.run(_MOVE_MANY, {"plans": json.dumps(as_text)})
    else:
        moved = tx.write(_MOVE_ONE, values)
    if moved != len(plans):
        raise RuntimeError(f"{len(plans)} locked cursors were to move, {moved} did: the lock is not held")


def _values(plan: FirePlan) -> dict[str, Any]:
    return {
        "task_id": plan.task.id,
        "due": to_micros(plan.due),
        "seen_generation": plan.task.generation,
        "following": maybe_micros(plan.next_fire_at),
        "fires": len(plan.fires),
    }
