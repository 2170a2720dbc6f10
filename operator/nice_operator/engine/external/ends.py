"""How the attempts of workers outside end: what they report, and what is recorded when they do not."""

from __future__ import annotations

from datetime import timedelta

from nice_operator.domain.ids import OutcomeId, uuid7
from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.run import Outcome, RunState
from nice_operator.domain.strict_json import MAX_BYTES
from nice_operator.engine.external.nonces import outcome_id
from nice_operator.ports import HeldRun

RESULT_TOO_LARGE = "ResultTooLarge"


def reported(held: HeldRun, result: str | None) -> Outcome:
    """A worker sent a result (JSON text; None: it named none). A report with the same nonce is the same."""
    size = 0 if result is None else len(result.encode())
    if size > MAX_BYTES:
        message = f"the result has {size} bytes, at most {MAX_BYTES} are kept; return less, or where it lies"
        return Outcome(outcome_id(held), RunState.FAILED, RESULT_TOO_LARGE, message)
    return Outcome(outcome_id(held), RunState.SUCCEEDED, "Done", result=result)


def timed_out(timeout: timedelta) -> Outcome:
    """Its time is up; what the worker still sends is evidence."""
    message = f"it ran longer than its timeout of {timeout.total_seconds():g} s"
    return Outcome(OutcomeId(uuid7()), RunState.TIMED_OUT, Reason.DEADLINE, message)


def cancelled() -> Outcome:
    """Somebody asked to stop it. A worker outside cannot be told, so it ends here."""
    message = "it was stopped on request; its worker was not told, and what it still sends is not taken"
    return Outcome(OutcomeId(uuid7()), RunState.CANCELLED, Reason.CANCELLED, message)


def left(worker: str, wait: float) -> Outcome:
    """The worker's connection ended, and no result came in time."""
    message = f"worker {worker} disconnected and sent no result within {wait:g} s"
    return Outcome(OutcomeId(uuid7()), RunState.LOST, Reason.WORKER_LOST, message)


def interrupted() -> Outcome:
    """This side ended the connection: no fault of the worker's, so it is not counted as a loss."""
    reason = Reason.INTERRUPTED
    return Outcome(OutcomeId(uuid7()), RunState.LOST, reason, sentence(reason), interrupted=True)
