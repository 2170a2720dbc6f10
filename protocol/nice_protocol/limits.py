"""How long and how large the fields of messages may be. A field is named ``Message.field``.

Lengths of text count characters; payloads, results and log texts count UTF-8 bytes where they are made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from nice_protocol.messages import LOG_STREAMS, OUTCOME_STATES

MAX_FRAME = 8 * 1024 * 1024
"""Bytes of one WebSocket message: a payload of 1 MiB, each byte escaped as six, and an envelope."""

MAX_VALUES, MAX_CONTAINERS, MAX_NAMES, MAX_QUOTES = 1_500_000, 150_000, 100_000, 1_200_000
"""Commas, brackets and colons outside of strings, and quotes around them, in one message: what the fields
below can need, and what can be read in some 30 ms. 8 MiB of nothing but ``[]`` would take 500."""

MAX_PAYLOAD = 1024 * 1024
"""Bytes of a payload or a result."""

MAX_LOG_TEXT = 512 * 1024
"""The longest text of one stretch of log lines, and so the most lines that it can have."""

MAX_SLOTS = 1024
"""The most runs one connection may hold; a larger number of slots is read as this one."""

INT64 = 2**63 - 1

UUID_TEXT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Limit:
    """Bounds of one field: of a number its value, of a text or a collection its length (both included)."""

    low: float = 0
    high: float = INT64
    words: frozenset[str] = frozenset()
    uuid: bool = False


ID = Limit(uuid=True)
NAME = Limit(1, 253)
SHORT = Limit(0, 256)
LONG = Limit(0, 64 * 1024)
COUNT = Limit()

LIMITS: dict[str, Limit] = {
    "Hello.versions": Limit(1, 64),
    "Hello.session": ID,
    "Hello.worker": NAME,
    "Hello.pool": Limit(0, 510),
    "Hello.slots": Limit(-INT64, INT64),
    "Hello.labels": Limit(0, 64),
    "Hello.labels[]": SHORT,
    "Hello.facts": Limit(0, 64),
    "Hello.facts[]": Limit(0, 1024),
    "Hello.resume": Limit(0, 4 * MAX_SLOTS),
    "ResumedRun.phase": Limit(words=frozenset({"assigned", "running", "finished"})),
    "Host.name": Limit(0, 253),
    "Host.load_average": Limit(3, 3),
    "Credit.add": Limit(1, INT64),
    "Heartbeat.runs": Limit(0, 4 * MAX_SLOTS),
    "Log.chunks": Limit(0, 4096),
    "LogLines.first": Limit(1, 2**62),
    "LogLines.lines": Limit(1, MAX_LOG_TEXT),
    "LogLines.at": Limit(-INT64, INT64),
    "LogLines.stream": Limit(words=frozenset(LOG_STREAMS)),
    "LogLines.text": Limit(0, MAX_LOG_TEXT),
    "LogLines.shown": Limit(0, MAX_LOG_TEXT),
    "LogLines.shown[]": LONG,
    "LogEnd.gaps": Limit(0, 100_000),
    "LogEnd.gaps[]": Limit(2, 2),
    "LogEnd.why": Limit(0, 1024),
    "Finish.outcome": ID,
    "Finish.state": Limit(words=frozenset(OUTCOME_STATES)),
    "Finish.reason": SHORT,
    "Finish.message": LONG,
    "Finish.result": Limit(0, MAX_PAYLOAD),
    "Finish.exit_code": Limit(-(2**31), 2**32),
    "Finish.signal": SHORT,
    "Finish.stopped_by": Limit(words=frozenset({"warning", "term", "kill", "sweep"})),
    "Finish.error_type": SHORT,
    "Release.code": SHORT,
    "Release.message": LONG,
    "Welcome.lease": Limit(0, 86_400),
    "Welcome.heartbeat": Limit(0, 3_600),
    "Assign.timeout": Limit(0, 10 * 366 * 86_400),
    "Assign.grace": Limit(0, 366 * 86_400),
    "Assign.payload": Limit(0, MAX_PAYLOAD),
    "Assign.execution": Limit(1, 1),
    "Finished.outcome": ID,
}
"""Fields that are not here have the bounds of their kind: see ``limit_of``."""


def limit_of(owner: str, field: str) -> Limit:
    """The bounds of a field; ``name[]`` is what its items are held to. ``run`` means the same everywhere."""
    if field == "run":
        return ID
    return LIMITS.get(f"{owner}.{field}", COUNT)
