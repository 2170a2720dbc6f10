"""Between the protocol's words and the domain's: plain conversions, both ways."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from nice_operator.domain.ids import OutcomeId, RunId, SessionId
from nice_operator.domain.run import HostFacts, LogSummary, Outcome, RunState, Usage
from nice_operator.domain.task import (
    Command,
    Execution,
    Function,
    OnLost,
    PythonSource,
    TaskSpec,
    UnhandledErrors,
)
from nice_operator.ports import Claimed, HeldRun, LogChunk, OpenSession
from nice_protocol.messages import Assign, Finish, Hello, Host, LogLines, RunRef
from nice_protocol.secrecy.shapes import without_shapes

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_MICROSECOND = 253_402_300_799_999_999
"""The end of the year 9999: a worker's clock is a hint for people, and may say anything."""


def run_id(text: str) -> RunId:
    """The id in a message; the codec has checked its form."""
    return RunId(UUID(text))


def held(ref: RunRef | Any, session: SessionId) -> HeldRun:
    """A run as a message names it."""
    return HeldRun(run_id(ref.run), ref.epoch, session)


def ref(run: HeldRun) -> RunRef:
    """A run as messages name it."""
    return RunRef(str(run.id), run.epoch)


def open_session(hello: Hello) -> OpenSession:
    """What a hello says of its worker."""
    return OpenSession(
        SessionId(UUID(hello.session)), hello.worker, hello.pool, hello.labels, hello.slots, hello.facts
    )


def host_facts(host: Host) -> HostFacts:
    """The machine of an attempt."""
    load = (host.load_average[0], host.load_average[1], host.load_average[2]) if host.load_average else None
    return HostFacts(host.name, host.free_memory, load)


def chunk(lines: LogLines) -> LogChunk:
    """Log lines; a time beyond the calendar is brought back to it."""
    at = EPOCH + timedelta(microseconds=min(max(lines.at, 0), LAST_MICROSECOND))
    shown = tuple(lines.shown) if lines.shown is not None and len(lines.shown) == lines.lines else None
    return LogChunk(lines.first, lines.lines, at, lines.stream, lines.text, shown)


def outcome(finish: Finish) -> Outcome:
    """How an attempt ended, as its worker told it; a success whose result is not JSON is a failure."""
    refusal = _refusal_of_result(finish)
    if refusal:
        finish = replace(finish, state=RunState.FAILED, reason="ResultNotJson", message=refusal)
    return Outcome(
        id=OutcomeId(UUID(finish.outcome)),
        state=RunState(finish.state),
        reason=finish.reason,
        message=without_shapes(finish.message) if finish.message else "",
        result=finish.result if finish.state == RunState.SUCCEEDED else None,
        exit_code=finish.exit_code,
        signal=finish.signal,
        stopped_by=finish.stopped_by,
        interrupted=finish.interrupted,
        error_type=finish.error_type,
        usage=Usage(finish.cpu_seconds, finish.peak_memory),
        log=_log_summary(finish),
    )


def _refusal_of_result(finish: Finish) -> str:
    """What is wrong with it: results are handed on as they are, so every reader relies on this."""
    if finish.state != RunState.SUCCEEDED or finish.result is None:
        return ""
    try:
        json.loads(finish.result, parse_constant=_refuse_constant, parse_int=_text, parse_float=_text)
    except (ValueError, RecursionError) as error:
        return f"expected a result that is JSON: {error}"
    return ""


def _text(number: str) -> str:
    """A function in Python on purpose: a thread that reads a large result lets others on at each call."""
    return number


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _log_summary(finish: Finish) -> LogSummary | None:
    if finish.log is None:
        return None
    gaps = tuple((gap[0], gap[1]) for gap in finish.log.gaps)
    return LogSummary(finish.log.lines, finish.log.complete, gaps)


def assign(claimed: Claimed, unhandled_errors: UnhandledErrors | None = None) -> Assign:
    """The order to execute a claimed run. The worker adds the ``NICE_`` variables itself.

    ``unhandled_errors`` is for tasks that choose none; None leaves it to the worker.
    """
    run, spec = claimed.run, claimed.spec
    return Assign(
        run=str(run.id),
        epoch=run.epoch,
        attempt=run.attempt,
        namespace=run.namespace,
        task=run.task,
        generation=run.generation,
        execution=execution(spec.execution),
        payload=run.payload,
        timeout=spec.timeout.total_seconds(),
        grace=spec.grace.total_seconds(),
        env=dict(spec.env),
        memory_limit=spec.memory_limit,
        unhandled_errors=spec.unhandled_errors or unhandled_errors,
        stop_on_lost_lease=must_not_overlap(spec),
    )


def execution(what: Execution) -> dict[str, Any]:
    """What to execute. Raises ValueError for an external task, which no pool's worker is ever given."""
    match what:
        case PythonSource(source):
            return {"python": {"source": source}}
        case Function(path):
            return {"function": path}
        case Command(argv):
            return {"command": list(argv)}
    raise ValueError("a run of an external task was claimed for a pool")


def must_not_overlap(spec: TaskSpec) -> bool:
    """Whether two attempts at once would break a promise, so that one without a lease must stop."""
    return spec.on_lost is OnLost.FAIL or spec.concurrency.bounded
