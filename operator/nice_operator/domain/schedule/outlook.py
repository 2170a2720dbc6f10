"""Whether a timetable ever fires at all; if not, in words why."""

from __future__ import annotations

from datetime import UTC, datetime

from nice_operator.domain.schedule.rules import CronRule, IntervalRule
from nice_operator.domain.schedule.timetable import Timetable
from nice_operator.domain.schedule.zones import EARLIEST, LATEST, to_instant, to_seconds

_ANY_TIME = to_seconds(datetime(2000, 1, 1, tzinfo=UTC))


def check_fires(timetable: Timetable) -> str | None:
    """Why (a part of) the timetable never fires, or None if all is well.

    A task without schedules is well: it is manual. So is one whose time is over: it has fired, or could
    have.
    """
    for rule in timetable.rules:
        if isinstance(rule, CronRule) and rule.next_after(_ANY_TIME) is None:
            return (
                f'schedule "{rule.text}" never fires: no day of any year matches its day of month and month; '
                'correct the date, or write "manual"'
            )
    if timetable.first > timetable.last:
        return (
            f"never fires: notBefore {_told(timetable.first)} is later than "
            f"notAfter {_told(timetable.last)}; swap them or remove one"
        )
    if _unanchored(timetable) or not timetable.rules or _fires_within_bounds(timetable):
        return None
    return f"never fires: nothing is planned within {_bounds(timetable)}; widen notBefore or notAfter"


def _unanchored(timetable: Timetable) -> bool:
    return any(isinstance(rule, IntervalRule) and rule.anchor is None for rule in timetable.rules)


def _fires_within_bounds(timetable: Timetable) -> bool:
    start = timetable.first if timetable.first != EARLIEST else min(_ANY_TIME, timetable.last - 366 * 86_400)
    return timetable.next_second(start - 1) is not None


def _bounds(timetable: Timetable) -> str:
    first = "any time" if timetable.first == EARLIEST else _told(timetable.first)
    last = "any time" if timetable.last == LATEST else _told(timetable.last)
    return f"{first} … {last}"


def _told(seconds: int) -> str:
    return to_instant(seconds).strftime("%Y-%m-%d %H:%M:%SZ")
