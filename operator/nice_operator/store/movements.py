"""Which tasks' runs have moved, for whoever keeps a picture of all tasks: two short reads, however many there
are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.ids import RunId, TaskId
from nice_operator.domain.run import ACTIVE_STATES, FINAL_STATES, RunState
from nice_operator.ports import Movement
from nice_operator.store.tables import runs
from nice_operator.store.tx import Tx

_figures = sa.select(
    runs.c.task_id,
    runs.c.state,
    sa.func.count().label("runs"),
    sa.func.sum(runs.c.epoch).label("epochs"),
    sa.func.max(runs.c.id).label("newest"),
).group_by(runs.c.task_id, runs.c.state)
_active = _figures.where(runs.c.state.in_(sorted(ACTIVE_STATES)))


def movements(tx: Tx, within: timedelta) -> Sequence[Movement]:
    """Active runs, and final ones whose identifier was made in that time."""
    made_since = runs.c.id > _first_id(tx.now - round(within / timedelta(microseconds=1)))
    ended = _figures.where(made_since, runs.c.state.in_(sorted(FINAL_STATES)))
    return [_movement(row) for query in (_active, ended) for row in tx.all(query)]


def _movement(row: sa.Row[Any]) -> Movement:
    return Movement(
        TaskId(row.task_id), RunState(row.state), int(row.runs), int(row.epochs), RunId(row.newest)
    )


def _first_id(micros: int) -> UUID:
    """Not greater than any UUIDv7 made at that time or later."""
    return UUID(int=max(0, micros // 1000) << 80)
