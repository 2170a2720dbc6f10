"""One valid message of each type, all about the same run."""

from __future__ import annotations

from typing import Any

from nice_protocol.codec import OPERATOR_TYPES, WORKER_TYPES
from nice_protocol.messages import (
    Assign,
    Cancel,
    Credit,
    Drain,
    Draining,
    Error,
    Finish,
    Finished,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Host,
    Log,
    LogAck,
    LogEnd,
    LogLines,
    Refused,
    Release,
    ResumedRun,
    RunRef,
    Start,
    Started,
    Welcome,
)

RUN = "01890a5d-ac96-774b-bcce-b302099a8057"
SESSION = "01890a5d-ac96-774b-bcce-b302099a8058"
OUTCOME = "01890a5d-ac96-774b-bcce-b302099a8059"
FROM_WORKER = frozenset(WORKER_TYPES)
FROM_OPERATOR = frozenset(OPERATOR_TYPES)

_HOST = Host("machine", 2**40, [0.5, 1.0, 2.0])
_OTHER = "01890a5d-ac96-774b-bcce-b302099a80ff"

_MESSAGES: tuple[Any, ...] = (
    Hello([1], SESSION, "worker-1", "default", 8, _HOST, {"zone": "a"}, [ResumedRun(_OTHER, 1, "running")]),
    Credit(4),
    Start(RUN, 1, _HOST),
    Heartbeat(7, [RunRef(RUN, 1)]),
    Log(RUN, 1, [LogLines(1, 2, 1_700_000_000_000_000, "stderr", "ä\nb\n")]),
    Finish(RUN, 1, OUTCOME, "succeeded", "Done", result='{"a": 1}', log=LogEnd(12, False, [[3, 5]])),
    Release(RUN, 1, "not_eligible", "should_host_run() said no: it returned False"),
    Draining(),
    Welcome(1, 5.0, 30.0, [RunRef(_OTHER, 1)]),
    Assign(RUN, 1, 1, "default", "hello", 3, {"function": "a:b"}, "null", 2.5, 10.0, {"A": "b"}),
    Started(RUN, 1),
    Refused(RUN, 1, "cancelled"),
    HeartbeatAck(7, [RunRef(RUN, 1)]),
    LogAck(RUN, 1, 2),
    Finished(RUN, 1, OUTCOME, "accepted"),
    Cancel(RUN, 1),
    Drain(),
    Error("bad_json", "expected a JSON object", "log"),
)


def message_of(type_name: str) -> Any:
    """The example of a type."""
    return next(message for message in _MESSAGES if message.type == type_name)


def all_messages() -> tuple[Any, ...]:
    """One of each."""
    return _MESSAGES
