"""Which message may come when: the whole of the protocol's order, as two tables.

``PHASE_RULES[type][phase]`` is the connection's next phase or the code of the refusal;
``RUN_RULES[type][phase of the run]`` the run's next phase or the code. UNKNOWN as a target means that the
message is handed on and nothing is remembered: the database knows what becomes of a run that this
connection does not hold (its lease ran out, or its report was settled and the answer was lost).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nice_protocol.errors import Code


class Side(StrEnum):
    """Who looks."""

    OPERATOR = "operator"
    WORKER = "worker"


class Phase(StrEnum):
    """Where a connection stands."""

    NEW = "new"
    GREETING = "greeting"
    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class RunPhase(StrEnum):
    """Where a run stands between the two."""

    UNKNOWN = "unknown"
    ASSIGNED = "assigned"
    STARTING = "starting"
    RUNNING = "running"
    FINISHED = "finished"


PhaseCell = Phase | Code
RunCell = RunPhase | Code


def _phases(
    new: PhaseCell, greeting: PhaseCell, opened: PhaseCell, draining: PhaseCell
) -> dict[Phase, PhaseCell]:
    return {
        Phase.NEW: new,
        Phase.GREETING: greeting,
        Phase.OPEN: opened,
        Phase.DRAINING: draining,
        Phase.CLOSED: Code.CLOSED,
    }


_WORKING = _phases(Code.EXPECTED_HELLO, Code.EXPECTED_WELCOME, Phase.OPEN, Phase.DRAINING)

PHASE_RULES: Final[dict[str, dict[Phase, PhaseCell]]] = {
    # from the worker
    "hello": _phases(Phase.GREETING, Code.REPEATED_HELLO, Code.REPEATED_HELLO, Code.REPEATED_HELLO),
    "credit": _phases(Code.EXPECTED_HELLO, Code.EXPECTED_WELCOME, Phase.OPEN, Code.DRAINING),
    "start": _WORKING,
    "heartbeat": _WORKING,
    "log": _WORKING,
    "finish": _WORKING,
    "release": _WORKING,
    "draining": _phases(Code.EXPECTED_HELLO, Code.EXPECTED_WELCOME, Phase.DRAINING, Phase.DRAINING),
    # from the operator
    "welcome": _phases(Code.EXPECTED_HELLO, Phase.OPEN, Code.REPEATED_HELLO, Code.REPEATED_HELLO),
    "assign": _WORKING,
    "started": _WORKING,
    "refused": _WORKING,
    "heartbeat_ack": _WORKING,
    "log_ack": _WORKING,
    "finished": _WORKING,
    "cancel": _WORKING,
    "drain": _WORKING,
    "error": _phases(Phase.NEW, Phase.GREETING, Phase.OPEN, Phase.DRAINING),
}


def _runs(
    unknown: RunCell, assigned: RunCell, starting: RunCell, running: RunCell, finished: RunCell
) -> dict[RunPhase, RunCell]:
    return {
        RunPhase.UNKNOWN: unknown,
        RunPhase.ASSIGNED: assigned,
        RunPhase.STARTING: starting,
        RunPhase.RUNNING: running,
        RunPhase.FINISHED: finished,
    }


_UNKNOWN = RunPhase.UNKNOWN
_ASSIGNED = RunPhase.ASSIGNED
_STARTING = RunPhase.STARTING
_RUNNING = RunPhase.RUNNING
_FINISHED = RunPhase.FINISHED
_STARTED = Code.ALREADY_STARTED

RUN_RULES: Final[dict[str, dict[RunPhase, RunCell]]] = {
    # from the worker
    "start": _runs(_UNKNOWN, _STARTING, _STARTED, _STARTED, _STARTED),
    "log": _runs(_UNKNOWN, Code.NOT_STARTED, Code.NOT_STARTED, _RUNNING, _FINISHED),
    "finish": _runs(_UNKNOWN, Code.NOT_STARTED, Code.NOT_STARTED, _FINISHED, _FINISHED),
    "release": _runs(_UNKNOWN, _UNKNOWN, _STARTED, _STARTED, _STARTED),
    # from the operator
    "assign": _runs(_ASSIGNED, *(Code.ALREADY_ASSIGNED,) * 4),
    "started": _runs(_UNKNOWN, Code.NOT_ASKED, _RUNNING, _RUNNING, _FINISHED),
    "refused": _runs(_UNKNOWN, Code.NOT_ASKED, _UNKNOWN, _STARTED, _STARTED),
    "log_ack": _runs(_UNKNOWN, Code.NOT_STARTED, Code.NOT_STARTED, _RUNNING, _FINISHED),
    "finished": _runs(_UNKNOWN, Code.NOT_REPORTED, Code.NOT_REPORTED, Code.NOT_REPORTED, _UNKNOWN),
    "cancel": _runs(_UNKNOWN, _ASSIGNED, _STARTING, _RUNNING, _FINISHED),
}

_WHY: Final[dict[Code, str]] = {
    Code.EXPECTED_HELLO: "hello comes first on a connection",
    Code.EXPECTED_WELCOME: "wait for welcome before anything else",
    Code.REPEATED_HELLO: "hello and welcome come once on a connection",
    Code.DRAINING: "a worker that is draining asks for no more work",
    Code.CLOSED: "the connection is closed",
    Code.NOT_STARTED: "the run has not started; wait for started, or hand it back by release",
    Code.ALREADY_STARTED: "its start was asked for already; how it ends is told by finish",
    Code.ALREADY_ASSIGNED: "the worker holds this run and epoch already",
    Code.NOT_ASKED: "the worker has not asked to start it",
    Code.NOT_REPORTED: "the worker has not reported its end",
}


def explain(code: Code, message_type: str, where: str) -> str:
    """The refusal in words."""
    return f"{message_type} ({where}): {_WHY[code]}"
