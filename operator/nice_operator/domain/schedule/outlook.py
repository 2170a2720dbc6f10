"""Whether a timetable ever fires at all; if not, in words why."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from nice_operator.domain.schedule.rules import CronRule, IntervalRule
from nice_operator.domain.schedule.timetable import Timetable
from nice_operator.domain.schedule.zones import EARLIEST, LATEST, to_instant, to_seconds

_ANY_TIME = to_seconds(datetime(2000, 1, 1, tzinfo=UTC))


def check_fires(timetable: Timetable) -> str | None:
    """Why (a part of) the timetable never fires, or None if all is well.

    A task without schedules is well: it is manual. So is one whose time is over: it could have fired.
    """
    for rule in timetable.rules:
        if isinstance(rule, CronRule) and not _ever_fires(rule):
            return (
                f'schedule "{rule.text}" never fires: no day of any year matches its day of month and month; '
                'correct the date, or write "manual"'
            )
    if timetable.first > timetable.last:
        return (
            f"never fires: notBefore {_told(timetable.first)} is later than "
            f"notAfter {_told(timetable.last)}; swap them or remove one"
        )
    if timetable.rules and not _fires_within_bounds(timetable):
        return f"never fires: nothing is planned within {_bounds(timetable)}; widen notBefore or notAfter"
    return None


@lru_cache(maxsize=1024)
def _ever_fires(rule: CronRule) -> bool:
    """Kept, as the next one is: thousands of tasks that are alike ask the same."""
    return rule.next_after(_ANY_TIME) is not None


@lru_cache(maxsize=1024)
def _fires_within_bounds(timetable: Timetable) -> bool:
    """An interval counts as firing: where its grid begins is known only once the task has been seen."""
    if any(isinstance(rule, IntervalRule) for rule in timetable.rules):
        return True
    return timetable.next_second(timetable.first - 1) is not None


def _bounds(timetable: Timetable) -> str:
    first = "any time" if timetable.first == EARLIEST else _told(timetable.first)
    last = "any time" if timetable.last == LATEST else _told(timetable.last)
    return f"{first} … {last}"


def _told(seconds: int) -> str:
    return to_instant(seconds).strftime("%Y-%m-%d %H:%M:%SZ")
