"""What the next changes of the clocks do to a task, told before they bite."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nice_operator.domain.schedule.rules import CronRule, bits
from nice_operator.domain.schedule.timetable import Timetable
from nice_operator.domain.schedule.zones import Change, changes_of_year, to_instant, to_seconds
from nice_operator.domain.task import Gap, Repeat
from nice_operator.domain.timeout import format_duration

_YEARS = 2


@dataclass(frozen=True, slots=True)
class ClockChange:
    """One change of the clocks in the task's zone: the instant (aware UTC), and what happens, in words."""

    at: datetime
    text: str


def next_changes(timetable: Timetable, after: datetime, count: int = 2) -> tuple[ClockChange, ...]:
    """The next ``count`` changes within two years, and what the task does at each.

    Empty for a zone whose clocks do not change, and for a task without cron: nothing else looks at a clock.
    """
    crons = [rule for rule in timetable.rules if isinstance(rule, CronRule)]
    if not crons:
        return ()
    upcoming = [
        change
        for year in range(after.year, after.year + _YEARS + 1)
        for change in changes_of_year(timetable.zone, year)
        if change.at > to_seconds(after)
    ]
    return tuple(ClockChange(to_instant(change.at), _text(crons, change)) for change in upcoming[:count])


def _text(rules: list[CronRule], change: Change) -> str:
    what = _clocks(change)
    effects = dict.fromkeys(effect for rule in rules if (effect := _effect(rule, change)))
    return f"{what}: {'; '.join(effects) or 'this task is not affected'}"


def _clocks(change: Change) -> str:
    old, new = _wall(change.at + change.before), _wall(change.at + change.after)
    length = format_duration(to_instant(abs(change.after - change.before)) - to_instant(0))
    direction = "forward" if change.skipped else "back"
    return f"{_day(change)}, clocks go {direction} {length}, from {old} to {new}"


def _effect(rule: CronRule, change: Change) -> str:
    if change.skipped:
        return _in_gap(rule, change)
    return _in_repeat(rule, change)


def _in_gap(rule: CronRule, change: Change) -> str:
    times = _times(rule, change.at + change.before, change.at + change.after)
    if not times:
        return ""
    if not rule.cron.fixed:
        return f"{times} does not exist; the task goes on with the next time that does"
    if rule.gap is Gap.SKIP:
        return f"{times} does not exist; that run is left out (gap: Skip)"
    return (
        f"{times} does not exist; the task runs at {_wall(change.at + change.after)} instead (gap: RunAfter)"
    )


def _in_repeat(rule: CronRule, change: Change) -> str:
    times = _times(rule, change.at + change.after, change.at + change.before)
    if not times:
        return ""
    if not rule.cron.fixed:
        return f"{times} comes twice; the task runs in both passes, as real time goes on"
    passes = {
        Repeat.FIRST: "the task runs the first time (repeat: First)",
        Repeat.LAST: "the task runs the second time (repeat: Last)",
        Repeat.BOTH: "the task runs both times (repeat: Both)",
    }
    return f"{times} comes twice; {passes[rule.repeat]}"


def _times(rule: CronRule, start: int, end: int) -> str:
    """The rule's wall-clock times in start ≤ time < end: the first, and the last if there are more."""
    found = list(bits(rule.cron.mask_in(start, end)))
    if not found:
        return ""
    first, last = _wall(start + found[-1]), _wall(start + found[0])
    return first if len(found) == 1 else f"{first} to {last}"


def _wall(local: int) -> str:
    return to_instant(local).strftime("%H:%M")


def _day(change: Change) -> str:
    return to_instant(change.at + change.before).strftime("%Y-%m-%d")
