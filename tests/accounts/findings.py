"""What is told about a database: what was counted, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum


class Check(StrEnum):
    """What must hold. The text is how a violation is called."""

    UNPLANNED = "a moment was fired that was never planned"
    TWICE = "a planned moment is accounted for more than once"
    UNTOLD = "a planned moment is accounted for by nothing"
    MISCOUNTED = "a missed row does not count the moments of its span"
    MISNAMED = "a fire's key names another moment than its row"
    TOO_EARLY = "a moment was fired before it was due"
    CURSOR = "the task counts other fires than it has rows"
    OVERDUE = "a fire is overdue"
    STRAY = "a run belongs to no task, or to no version of it"
    ORPHAN = "an attempt belongs to no run"
    NO_END = "a run has not ended, although all should be at rest"
    TWO_ENDS = "a run has more than one end"
    HALF_ENDED = "state and end of a run contradict each other"
    UNEXECUTED = "an outcome without an execution"
    OTHER_OUTCOME = "a run's outcome is not that of its last attempt"
    COUNTED_WRONG = "a run counts other attempts or losses than it has"
    LEFT_OPEN = "an attempt was never closed"
    BACKWARDS = "the times of an attempt run backwards"
    EXECUTED = "what was never to run was executed"
    OVERLAP = "more executions at a time than the task admits"
    SLOT_KEPT = "a slot is taken by a run that does not need it"
    SLOT_MISSING = "an admitted run of a bounded task holds no slot"
    HELD_BY_NOBODY = "a run is held by a session that has ended"


@dataclass(frozen=True)
class Finding:
    """One violation: of what, and the facts to look it up by."""

    check: Check
    subject: str
    facts: str

    def __str__(self) -> str:
        return f"✗ {self.check}: {self.subject}: {self.facts}"


@dataclass
class Account:
    """The sum of it. Clean when nothing was found."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take these in."""
        self.findings += findings

    def lines(self, most: int = 20) -> Iterator[str]:
        """For people: the counts, then at most so many findings of each kind."""
        yield ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        for check in Check:
            mine = [finding for finding in self.findings if finding.check is check]
            yield from map(str, mine[:most])
            if len(mine) > most:
                yield f"✗ {check}: and {len(mine) - most} more"


def moment(micros: int | None) -> str:
    """A time as people read it."""
    return "never" if micros is None else datetime.fromtimestamp(micros / 1_000_000, UTC).isoformat()
