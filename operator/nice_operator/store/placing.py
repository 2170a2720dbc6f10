"""Placing a new run beside the active ones: asks admission, and makes room when the policy is Replace."""

from __future__ import annotations

from collections.abc import Sequence

from nice_operator.domain.concurrency import ActiveRun, Refuse, Replace, Start, Wait, admit
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.store.cancel import cancel_unstarted, request_cancel
from nice_operator.store.new_runs import Draft
from nice_operator.store.slots import active_runs
from nice_operator.store.tables import runs
from nice_operator.store.tx import Tx

Place = Start | Wait | Refuse


def place(tx: Tx, draft: Draft, active: Sequence[ActiveRun], *, patient: bool = False) -> Place:
    """Where the run goes. The caller holds the task's row, and ``active`` is in the database already."""
    admission = admit(draft.spec.concurrency, active, patient=patient)
    if isinstance(admission, Replace):
        return _replace(tx, draft, admission)
    return admission


def _replace(tx: Tx, draft: Draft, admission: Replace) -> Place:
    victims = [run.id for run in admission.victims]
    message = sentence(Reason.REPLACED, run=draft.id)
    cancel_unstarted(tx, Reason.REPLACED, message, runs.c.id.in_(victims))
    request_cancel(tx, runs.c.id.in_(victims))
    left = active_runs(tx, [draft.task_id])[draft.task_id]
    again = admit(draft.spec.concurrency, left, patient=True)
    assert not isinstance(again, Replace)  # noqa: S101  the patient never replace
    return again
