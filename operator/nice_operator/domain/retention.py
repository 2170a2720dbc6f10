"""Which runs of a task are history that may go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nice_operator.domain.ids import RunId
from nice_operator.domain.run import FAILURES, RunState
from nice_operator.domain.task import History, Keep


@dataclass(frozen=True, slots=True)
class EndedRun:
    """A run that has ended."""

    id: RunId
    state: RunState
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Tally:
    """How many runs of a task ended in a state, and when the first of them did."""

    state: RunState
    count: int
    oldest: datetime


def exceeded(history: History, tallies: Sequence[Tally], now: datetime) -> bool:
    """Whether some run may go, told from numbers alone: ``expendable`` finds none otherwise."""
    successes = [tally for tally in tallies if tally.state is RunState.SUCCEEDED]
    failures = [tally for tally in tallies if tally.state in FAILURES]
    others = [tally for tally in tallies if tally not in successes and tally not in failures]
    return (
        _exceeds(history.succeeded, successes, 1, now)
        or _exceeds(history.failed, failures, 1, now)
        or _exceeds(history.succeeded, others, 0, now)
    )


def expendable(history: History, ended: Sequence[EndedRun], now: datetime) -> list[RunId]:
    """The runs beyond the limits; ``ended`` newest first.

    Successes and failures are counted apart, so that many of one never push out the other; what never
    ran or was cancelled is counted for itself, by the limits for successes. The last success and the
    last failure always stay.
    """
    successes = [run for run in ended if run.state is RunState.SUCCEEDED]
    failures = [run for run in ended if run.state in FAILURES]
    others = [run for run in ended if run.state is not RunState.SUCCEEDED and run.state not in FAILURES]
    return [
        *_beyond(history.succeeded, successes[1:], 1, now),
        *_beyond(history.failed, failures[1:], 1, now),
        *_beyond(history.succeeded, others, 0, now),
    ]


def _exceeds(keep: Keep, tallies: Sequence[Tally], stay: int, now: datetime) -> bool:
    """``stay`` of them stay in any case."""
    count = sum(tally.count for tally in tallies)
    if count <= stay:
        return False
    too_many = keep.count is not None and count > keep.count
    return too_many or (keep.age is not None and now - min(tally.oldest for tally in tallies) > keep.age)


def _beyond(keep: Keep, runs: Iterable[EndedRun], kept: int, now: datetime) -> list[RunId]:
    """``kept`` newer ones stay already."""
    return [
        run.id
        for position, run in enumerate(runs, start=kept)
        if _too_many(keep, position) or _too_old(keep, run, now)
    ]


def _too_many(keep: Keep, position: int) -> bool:
    return keep.count is not None and position >= keep.count


def _too_old(keep: Keep, run: EndedRun, now: datetime) -> bool:
    return keep.age is not None and now - run.finished_at > keep.age
