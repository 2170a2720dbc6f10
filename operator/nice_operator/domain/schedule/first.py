"""Where a task's schedule stands when a version of it is first seen: new, or after an edit.

An edit never makes past fires, and loses none: what was due under an unchanged schedule stays due, what
was due under another one is told as missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.schedule.catchup import MissReason, span_of
from nice_operator.domain.schedule.timetable import Timetable
from nice_operator.domain.schedule.zones import to_instant, to_seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the schedule stood before: its timetable and the stored next fire (None: none was to come).

    ``suspended``: nothing was promised, so nothing can be missed.
    """

    timetable: Timetable
    next_fire_at: datetime | None
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class FirstFire:
    """The next fire to store (None: none), and the planned moments to write as missed, with the reason."""

    next_fire_at: datetime | None
    missed: MissedSpan | None = None
    reason: MissReason | None = None


def first_fire(
    timetable: Timetable,
    *,
    now: datetime,
    created_at: datetime | None = None,
    previous: Standing | None = None,
) -> FirstFire:
    """The next fire of a version seen for the first time at ``now``.

    ``previous`` is None for a task that never had a valid version: then an interval fires at its
    anchor (the caller gives ``now`` as anchor to a task that has none), cron after ``now``, and a runAt
    runs unless it is earlier than ``created_at`` (None: ``now``), which is missed.
    """
    if previous is None:
        return _of_new(timetable, now, created_at or now)
    return _of_edited(timetable, now, previous)


def _of_new(timetable: Timetable, now: datetime, created_at: datetime) -> FirstFire:
    late = _late_once(timetable, now)
    if late and late.first < to_instant(to_seconds(created_at)):
        return FirstFire(_upcoming(timetable, now), late, MissReason.BEFORE_CREATION)
    if late:
        return FirstFire(late.first)
    anchor = timetable.anchor
    if anchor is None or anchor > to_seconds(now):
        return FirstFire(_upcoming(timetable, now))
    return FirstFire(_upcoming(timetable, to_instant(anchor - 1)))


def _of_edited(timetable: Timetable, now: datetime, previous: Standing) -> FirstFire:
    due, upcoming = previous.next_fire_at, _upcoming(timetable, now)
    if previous.suspended:
        return FirstFire(upcoming)
    if previous.timetable == timetable:
        return FirstFire(due)
    if due is not None and due <= now:
        return FirstFire(upcoming, span_of(previous.timetable, due=due, now=now), MissReason.SCHEDULE_CHANGED)
    late = _late_once(timetable, now) if timetable.once != previous.timetable.once else None
    return FirstFire(upcoming, late, MissReason.SCHEDULE_CHANGED if late else None)


def _upcoming(timetable: Timetable, after: datetime) -> datetime | None:
    fire = timetable.next_after(after)
    return fire.at if fire else None


def _late_once(timetable: Timetable, now: datetime) -> MissedSpan | None:
    """The runAt as a span of one, if it is within the bounds and not in the future."""
    once = timetable.once
    if once is None or once > to_seconds(now) or not timetable.mask(once, once + 1):
        return None
    return MissedSpan(to_instant(once), to_instant(once), 1)
