"""What the API server's audit log tells of the operator's calls, and when: one clock for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from benchmarks.cluster.stage import NAMESPACE
from tests.cluster.places import Places
from tests.support.release import NAME

OPERATOR = f"system:serviceaccount:{NAMESPACE}:{NAME}"


@dataclass(frozen=True, slots=True)
class TimedCall:
    """One call; its moments are seconds since 1970."""

    verb: str
    resource: str
    name: str
    code: int
    came: float
    answered: float


class AuditTrail:
    """The operator's calls from now on. Calls appear a moment after they were answered."""

    def __init__(self, places: Places) -> None:
        self._log = places.audit_log
        self._from = self._log.stat().st_size

    def calls(self) -> Iterator[TimedCall]:
        """All of them until now."""
        with self._log.open("rb") as lines:
            lines.seek(self._from)
            for line in lines:
                if OPERATOR.encode() in line and line.endswith(b"\n"):
                    yield _call(json.loads(line))


def _call(event: dict[str, dict[str, str]]) -> TimedCall:
    about = event.get("objectRef") or {}
    resource = "/".join(filter(None, (about.get("resource", ""), about.get("subresource", ""))))
    return TimedCall(
        str(event["verb"]),
        resource,
        about.get("name", ""),
        int((event.get("responseStatus") or {}).get("code", 0)),
        _seconds(str(event["requestReceivedTimestamp"])),
        _seconds(str(event["stageTimestamp"])),
    )


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
