"""Which overdue fires run, and which are told as missed: each planned moment exactly once.

The fires that run are always the newest ones, so that what is missed is one unbroken span before them.
For ``All`` this means: of more fires than the cap allows, the newest ``cap`` run (their data is the
freshest), oldest of them first, and everything older is missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.schedule.rules import bits
from nice_operator.domain.schedule.timetable import Fire, Timetable
from nice_operator.domain.schedule.zones import to_instant, to_seconds
from nice_operator.domain.task import CatchUp

CAP = 100
NO_CATCH_UP_DEADLINE = timedelta(seconds=60)
_CHUNK = 86_400


class MissReason(StrEnum):
    """Why planned fires did not run; the word that a missed run carries."""

    TOO_LATE = "TooLate"
    """Later than the starting deadline (60 seconds under catchUp None)."""
    SUPERSEDED = "Superseded"
    """A newer overdue fire runs in their place (catchUp Latest)."""
    CAPPED = "CatchUpLimit"
    """More were overdue than are caught up at once (catchUp All)."""
    SCHEDULE_CHANGED = "ScheduleChanged"
    """The schedule was edited before they ran."""
    BEFORE_CREATION = "BeforeCreation"
    """runAt is earlier than the task itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a due task shall do. ``fires`` oldest first; ``reason`` is None exactly when ``missed`` is."""

    fires: tuple[Fire, ...]
    missed: MissedSpan | None
    reason: MissReason | None
    next_fire_at: datetime | None


def plan_fires(
    timetable: Timetable,
    *,
    due: datetime,
    now: datetime,
    catch_up: CatchUp,
    starting_deadline: timedelta | None = None,
    cap: int = CAP,
) -> Plan:
    """Decides on every planned fire from ``due`` (the stored next fire, always one of them) to ``now``.

    No fire runs more than ``starting_deadline`` late. ``Latest`` runs the newest only, ``All`` and
    ``None`` the newest ``cap``; without a deadline ``None`` takes 60 seconds, the others any time. The
    work is bounded by the days between, not by the fires.
    """
    first, last = to_seconds(due), to_seconds(now)
    if first > last:
        return Plan((), None, None, due)
    if catch_up is CatchUp.NONE and starting_deadline is None:
        starting_deadline = NO_CATCH_UP_DEADLINE
    overdue = _overdue(timetable, first, last, 1 if catch_up is CatchUp.LATEST else cap)
    running = [at for at in overdue.newest[: overdue.limit] if _in_time(at, now, starting_deadline)]
    missed = None
    if len(running) < overdue.count:
        latest = to_instant(overdue.newest[len(running)])
        missed = MissedSpan(to_instant(first), latest, overdue.count - len(running))
    return Plan(
        fires=tuple(timetable.fire_at(at) for at in reversed(running)),
        missed=missed,
        reason=_reason(missed, now, starting_deadline, catch_up),
        next_fire_at=None if overdue.following is None else to_instant(overdue.following),
    )


@dataclass(frozen=True, slots=True)
class _Overdue:
    """How many fires are overdue, the newest ``limit`` + 1 of them (newest first), and what comes next."""

    count: int
    newest: list[int]
    limit: int
    following: int | None


def _overdue(timetable: Timetable, first: int, last: int, limit: int) -> _Overdue:
    following = timetable.next_second(first)
    if following is None or following > last:  # on time: no need to count
        return _Overdue(1, [first], limit, following)
    count = 0
    newest: list[int] = []
    for start, mask in _days_backwards(timetable, first, last):
        count += mask.bit_count()
        newest += [start + bit for bit in islice(bits(mask), limit + 1 - len(newest))]
    return _Overdue(count, newest, limit, timetable.next_second(last))


def _days_backwards(timetable: Timetable, first: int, last: int) -> Iterator[tuple[int, int]]:
    """(start, mask) of each day's length of time, the last one first, from ``last`` down to ``first``.

    ``first`` is a fire even if the timetable says no more that it is: it was promised, and an update of
    the time-zone database must not make a promise vanish unaccounted.
    """
    end = last + 1
    while end > first:
        start = max(first, end - _CHUNK)
        mask = timetable.mask(start, end)
        yield start, mask | 1 if start == first else mask
        end = start


def _in_time(at: int, now: datetime, deadline: timedelta | None) -> bool:
    return deadline is None or now - to_instant(at) <= deadline


def _reason(
    missed: MissedSpan | None, now: datetime, deadline: timedelta | None, catch_up: CatchUp
) -> MissReason | None:
    if missed is None:
        return None
    if deadline is not None and now - missed.last > deadline:
        return MissReason.TOO_LATE
    return MissReason.SUPERSEDED if catch_up is CatchUp.LATEST else MissReason.CAPPED


def span_of(timetable: Timetable, *, due: datetime, now: datetime) -> MissedSpan:
    """All fires from ``due`` to ``now`` as one span (for those that shall not run at all)."""
    first = to_seconds(due)
    overdue = _overdue(timetable, first, max(first, to_seconds(now)), 0)
    return MissedSpan(to_instant(first), to_instant(overdue.newest[0]), overdue.count)
