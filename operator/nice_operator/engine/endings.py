"""The ends of runs, handed to whoever waits for them in this process.

The server that commits an end knows it: to read it back for each waiter would cost a query. Ends that come
about elsewhere (another server, a cancel, the reaper) are not told here; whoever waits looks by itself then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Outcome, Run, RunState


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ended, or stands: what its caller is told. ``result`` is JSON text."""

    id: RunId
    state: RunState
    reason: str
    message: str
    result: str | None
    blocked_by: RunId | None = None


@dataclass(slots=True, eq=False)
class Expected:
    """One waiter's place, and nobody else's: ``end`` is set when the run's end was told."""

    end: RunEnd | None = None


class Endings:
    """Who waits for which run."""

    def __init__(self) -> None:
        self._expected: dict[RunId, list[Expected]] = {}

    @contextmanager
    def expected(self, run_id: RunId) -> Iterator[Expected]:
        """Listen for the run's end for as long as the context lasts."""
        place = Expected()
        self._expected.setdefault(run_id, []).append(place)
        try:
            yield place
        finally:
            places = self._expected[run_id]
            places.remove(place)
            if not places:
                del self._expected[run_id]

    def tell(self, run_id: RunId, state: RunState, outcome: Outcome) -> None:
        """The run ended like this, and that is committed."""
        for place in self._expected.get(run_id, ()):
            place.end = RunEnd(run_id, state, outcome.reason, outcome.message, outcome.result)


def end_of(run: Run) -> RunEnd:
    """A run as its caller is told of it."""
    return RunEnd(run.id, run.state, run.reason, run.message, run.result, run.blocked_by)
