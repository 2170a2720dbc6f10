"""Cancelling (T11): at once what has not started, by a flag what runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.errors import Conflict, NotFound
from nice_operator.domain.ids import RunId
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.run import Requester, RunState
from nice_operator.ports import CancelResult
from nice_operator.store.run_queries import get_run
from nice_operator.store.slots import promote
from nice_operator.store.tables import runs
from nice_operator.store.task_rows import locked_row
from nice_operator.store.tx import Tx
from nice_operator.store.versions import Versions

Condition = sa.ColumnElement[bool]


def cancel(tx: Tx, versions: Versions, run_id: RunId, requester: Requester) -> CancelResult:
    """T11. A repeated cancel is a success. Raises NotFound, and Conflict when the run ended otherwise."""
    run = tx.first(sa.select(runs.c.task_id, runs.c.active_key, runs.c.state).where(runs.c.id == run_id))
    if run is None:
        raise NotFound(f"run {run_id} does not exist; list the runs of its task to find the one you mean")
    _refuse_ended(run_id, RunState(run.state))
    task = locked_row(tx, run.task_id) if run.active_key is not None else None
    message = sentence(Reason.CANCELLED, who=_who(requester))
    if cancel_unstarted(tx, Reason.CANCELLED, message, runs.c.id == run_id) and task is not None:
        promote(tx, versions, task)
    request_cancel(tx, runs.c.id == run_id)
    found = get_run(tx, run_id)
    assert found is not None  # noqa: S101  read above in this transaction
    _refuse_ended(run_id, found.state)
    return CancelResult(found, requested=found.state is RunState.RUNNING)


def unschedule(tx: Tx, versions: Versions, namespace: str, run_id: RunId, requester: Requester) -> bool:
    """T11 for a job requested for a time, as long as it has not started."""
    run = get_run(tx, run_id)
    if run is None or run.namespace != namespace or not run.scheduled_by_request or run.state.final:
        return False
    task = locked_row(tx, run.task_id)
    message = sentence(Reason.CANCELLED, who=_who(requester))
    if not cancel_unstarted(tx, Reason.CANCELLED, message, runs.c.id == run_id):
        return False
    if task is not None:
        promote(tx, versions, task)
    return True


def cancel_all(tx: Tx, task_id: UUID, reason: Reason, message: str) -> None:
    """Every active run of a task. The caller holds the task's row."""
    cancel_unstarted(tx, reason, message, runs.c.task_id == task_id)
    request_cancel(tx, runs.c.task_id == task_id)


def cancel_unstarted(tx: Tx, reason: Reason, message: str, *where: Condition) -> int:
    """queued, claimed → cancelled: nothing of the user's has started. Returns how many moved.

    Two statements, because a claim that never started was no attempt and MySQL would read ``state``
    after changing it.
    """
    moved = 0
    for state, unbegun in ((RunState.QUEUED, 0), (RunState.CLAIMED, 1)):
        values: dict[str, Any] = {
            "attempt": runs.c.attempt - unbegun,
            "active_key": None,
            "waiting": 0,
            "blocked_by": None,
            "lease_until": None,
            "finished_at": tx.now,
            "reason": reason,
            "message": message,
            "state": RunState.CANCELLED,
        }
        moved += tx.write(sa.update(runs).where(*where, runs.c.state == state).values(values))
    return moved


def request_cancel(tx: Tx, *where: Condition) -> int:
    """Ask for a running run to be stopped: its worker hears of it by push, and with its next heartbeat."""
    return tx.write(
        sa.update(runs)
        .where(*where, runs.c.state == RunState.RUNNING, runs.c.cancel_requested_at.is_(None))
        .values(cancel_requested_at=tx.now)
    )


def _refuse_ended(run_id: RunId, state: RunState) -> None:
    if state.final and state is not RunState.CANCELLED:
        raise Conflict(
            f"run {run_id} is {state}; only queued, claimed or running runs can be cancelled",
            run=run_id,
            state=state,
        )


def _who(requester: Requester) -> str:
    return requester.name or requester.email or f"somebody ({requester.trigger})"
