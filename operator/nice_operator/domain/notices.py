"""What is worth an Event: transitions between the status that was shown and the facts now. Pure.

The status itself is the memory of what was told, so that no restart tells it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nice_operator.domain.conditions import in_words
from nice_operator.domain.run import JsonObject, Run, RunState, Trigger
from nice_operator.domain.status import SHOWN_RUNS, TaskFacts, rfc3339

STALE = timedelta(minutes=10)
"""Ends that are older are history, not news: somebody who leads after a long pause does not tell them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """``warning``: somebody should look. ``reason`` is one CamelCase word, the same for what is alike."""

    warning: bool
    reason: str
    message: str


_ENDS = {
    RunState.FAILED: (True, "RunFailed"),
    RunState.TIMED_OUT: (True, "RunTimedOut"),
    RunState.LOST: (True, "RunLost"),
    RunState.CANCELLED: (False, "RunCancelled"),
    RunState.SKIPPED: (False, "RunSkipped"),
    RunState.MISSED: (True, "RunMissed"),
    RunState.SUCCEEDED: (False, "RunSucceeded"),
}
_PLANNED = frozenset({Trigger.SCHEDULE})


def notices(before: JsonObject, after: JsonObject, facts: TaskFacts, now: datetime) -> list[Notice]:
    """``after`` is the status that ``facts`` make of ``before``."""
    return [*_of_spec(before, after, facts), *_of_runs(before, facts, now)]


def _of_spec(before: JsonObject, after: JsonObject, facts: TaskFacts) -> Iterator[Notice]:
    was, stalled = _condition(before, "Stalled"), _condition(after, "Stalled")
    if stalled["status"] == "True":
        if (was.get("status"), was.get("message")) != ("True", stalled["message"]):
            yield Notice(True, stalled["reason"], stalled["message"])
        return
    old, new = _condition(before, "Ready").get("reason"), _condition(after, "Ready")["reason"]
    if "Suspended" in (old, new) and old != new:
        suspended = new == "Suspended"
        yield Notice(False, new if suspended else "Resumed", _condition(after, "Ready")["message"])
    elif before.get("observedGeneration") != after["observedGeneration"] or was.get("status") == "True":
        yield Notice(False, "Accepted", _accepted(facts, _condition(after, "Ready")["message"]))


def _accepted(facts: TaskFacts, otherwise: str) -> str:
    planned = facts.task.next_fire_at
    when = f"the next run is at {rfc3339(planned)}" if planned else otherwise
    return f"generation {facts.task.observed_generation} is in force; {when}"


def _of_runs(before: JsonObject, facts: TaskFacts, now: datetime) -> Iterator[Notice]:
    told = {run.get("id") for run in before.get("lastRuns") or () if run.get("endTime")}
    for run in reversed(facts.runs[:SHOWN_RUNS]):
        if str(run.id) not in told and _is_news(run, now):
            warning, reason = _ENDS[run.state]
            yield Notice(warning, reason, in_words(run))


def _is_news(run: Run, now: datetime) -> bool:
    """A success that a schedule planned is what everybody expects."""
    if run.finished_at is None or now - run.finished_at > STALE:
        return False
    return not (run.state is RunState.SUCCEEDED and run.requester.trigger in _PLANNED)


def _condition(status: JsonObject, kind: str) -> dict[str, Any]:
    found = (each for each in status.get("conditions") or () if each.get("type") == kind)
    return next(found, {})
