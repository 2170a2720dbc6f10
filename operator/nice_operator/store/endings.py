"""How running runs leave that state: the guarded statements that finish, loss and deadline share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import Outcome, RunState
from nice_operator.store.rows import write_log
from nice_operator.store.slots import promote
from nice_operator.store.tables import attempts, runs
from nice_operator.store.task_rows import locked_row
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Row = sa.Row[Any]
Condition = sa.ColumnElement[bool]

MEASURED = ("exit_code", "signal", "cpu_seconds", "peak_memory", "log")
"""Columns that runs and attempts have alike."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What an attempt's end does to its run. ``retry_at`` in microseconds since 1970 when it goes back to
    the queue; ``counted``: whether the attempt uses up an allowed one; ``lost``: whether a worker was lost;
    ``fence``: whether the epoch rises, because the worker may still be running it."""

    outcome: Outcome
    state: RunState
    retry_at: int | None = None
    counted: bool = True
    lost: bool = False
    fence: bool = False


def leave_running(tx: Tx, versions: Versions, row: Row, ending: Ending, *where: Condition) -> bool:
    """Move the run out of ``running``, close its attempt, and give its slot to the next if it ended."""
    task = locked_row(tx, row.task_id) if ending.state.final and row.active_key is not None else None
    values = final_values(tx, ending) if ending.state.final else _again(tx, ending)
    moved = tx.write(
        sa.update(runs)
        .where(runs.c.id == row.id, runs.c.epoch == row.epoch, runs.c.state == RunState.RUNNING, *where)
        .values(_counters(ending) | values)
    )
    if moved != 1:
        return False
    close_attempt(tx, row, ending.outcome)
    if task is not None:
        promote(tx, versions, task)
    return True


def close_attempt(tx: Tx, row: Row, outcome: Outcome) -> None:
    """Write down how the attempt of the run's present epoch ended."""
    tx.write(
        sa.update(attempts)
        .where(attempts.c.run_id == row.id, attempts.c.epoch == row.epoch, attempts.c.stale == 0)
        .values(ended_at=tx.now, **told(outcome))
    )


def told(outcome: Outcome) -> dict[str, Any]:
    """What an outcome says, as columns of ``attempts``."""
    return {
        "outcome_id": outcome.id,
        "state": outcome.state,
        "reason": outcome.reason,
        "message": outcome.message,
        "stopped_by": outcome.stopped_by,
    } | _measured(outcome)


def _measured(outcome: Outcome) -> dict[str, Any]:
    return {
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "cpu_seconds": outcome.usage.cpu_seconds,
        "peak_memory": outcome.usage.peak_memory,
        "log": write_log(outcome.log),
    }


def final_values(tx: Tx, ending: Ending) -> dict[str, Any]:
    """What the end of a run changes in its row."""
    outcome = ending.outcome
    return _measured(outcome) | {
        "reason": outcome.reason,
        "message": outcome.message,
        "result": outcome.result,
        "active_key": None,
        "lease_until": None,
        "finished_at": tx.now,
        "state": ending.state,
    }


def _again(tx: Tx, ending: Ending) -> dict[str, Any]:
    """Back to the queue; the slot is kept, so nobody overtakes a retry."""
    return {
        "reason": ending.outcome.reason,
        "message": ending.outcome.message,
        "session": None,
        "lease_until": None,
        "deadline_at": None,
        "available_at": tx.now if ending.retry_at is None else ending.retry_at,
        "max_attempts": runs.c.max_attempts + (0 if ending.counted else 1),
        "state": RunState.QUEUED,
    }


def _counters(ending: Ending) -> dict[str, Any]:
    return {"lost_count": runs.c.lost_count + int(ending.lost), "epoch": runs.c.epoch + int(ending.fence)}
