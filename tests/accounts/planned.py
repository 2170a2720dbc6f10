"""Whether every planned moment is accounted for exactly once.

The plan is computed anew from each version of each task: its timetable, from when it was recorded until the
next one was. A few seconds around an edit belong to either version; they are not demanded, only
admitted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from nice_operator.domain.run import FAILURES, RunState
from nice_operator.domain.schedule.rules import bits
from tests.accounts.books import SECOND, Row, TaskBook, Version
from tests.accounts.findings import Account, Check, Finding, moment

EDGE = 2
"""Seconds around an edit in which either version may have planned."""
FIRE_PREFIXES = ("c:", "o:")


@dataclass(frozen=True)
class Window:
    """What is judged: planned moments from ``since`` on and before ``until``, seconds since 1970. ``late``:
    how many seconds a fire may be overdue at ``until``."""

    since: int
    until: int
    late: int = 10


@dataclass
class _Ledger:
    """The planned moments that a task has rows for."""

    fired: list[int] = field(default_factory=list)
    missed: list[int] = field(default_factory=list)

    def within(self, window: Window) -> Counter[int]:
        return Counter(at for at in (*self.fired, *self.missed) if window.since <= at < window.until)


def judge(account: Account, task: TaskBook, window: Window) -> None:
    """Take in what this task planned and what it has."""
    if not any(version.timetable.rules for version in task.versions):
        return
    ledger = _Ledger()
    account.add(_enter(task, ledger))
    found = ledger.within(window)
    floor = _trimmed_until(task, window.until * SECOND)
    planned = _expected(task, max(floor, window.since), window.until)
    expected = {at for at in planned if at < window.until}
    account.counts["planned moments"] += len(expected | found.keys())
    account.counts["fired"] += sum(1 for at in ledger.fired if window.since <= at < window.until)
    account.counts["missed"] += sum(1 for at in ledger.missed if window.since <= at < window.until)
    account.add(_compared(task, found, expected))
    account.add(_cursor(task, ledger, floor, window))


def _enter(task: TaskBook, ledger: _Ledger) -> Iterator[Finding]:
    for run in task.runs:
        if run.state == RunState.MISSED:
            span = _span(task, run)
            if len(span) != run.missed_count:
                facts = f"run {run.id} counts {run.missed_count}, its span has {len(span)}"
                yield Finding(Check.MISCOUNTED, task.name, facts)
            ledger.missed += span
        elif run.fire_key.startswith(FIRE_PREFIXES):
            at = int(run.fire_key[2:])
            if at * SECOND != run.scheduled_for:
                facts = f"run {run.id} has key {run.fire_key}, and is for {moment(run.scheduled_for)}"
                yield Finding(Check.MISNAMED, task.name, facts)
            ledger.fired.append(at)


def _span(task: TaskBook, run: Row) -> Sequence[int]:
    """The moments of a missed row, by the version that planned them: the one in whose time it begins. What
    was due first was promised, whatever the timetable says now."""
    first, last = run.missed_first // SECOND, run.missed_last // SECOND
    known = [each for each in task.versions if each.generation <= run.generation]
    spans = [sorted({first, *_moments(version, first, last + 1)}) for version in reversed(known)]
    return next((span for span in spans if len(span) == run.missed_count), spans[0] if spans else [])


def _moments(version: Version, start: int, end: int) -> list[int]:
    return [start + bit for bit in bits(version.timetable.mask(start, end))] if start < end else []


def _expected(task: TaskBook, floor: int, until: int) -> Iterator[int]:
    for number, version in enumerate(task.versions):
        start = _begins(task, version, first=number == 0)
        following = task.versions[number + 1] if number + 1 < len(task.versions) else None
        end = _ends(task, until) if following is None else following.since // SECOND - EDGE
        if not version.spec.suspend:
            yield from _moments(version, max(start, floor), end)


def _begins(task: TaskBook, version: Version, *, first: bool) -> int:
    """An interval fires where it is anchored; anything else after the version was recorded."""
    anchor = version.timetable.anchor
    if first and anchor is not None and len(version.timetable.rules) == 1:
        return anchor
    return int(version.since) // SECOND + EDGE


def _ends(task: TaskBook, until: int) -> int:
    """Before the cursor everything is accounted for. Without one: before the task was deleted, or now."""
    if task.row.next_fire_at is not None:
        return int(task.row.next_fire_at) // SECOND
    if task.row.deleted_at is not None:
        return int(task.row.deleted_at) // SECOND - EDGE
    return until


def _trimmed_until(task: TaskBook, now: int) -> int:
    """The first second that the task's history limits cannot have taken away; 0 when they took none."""
    history = task.versions[-1].spec.history
    floor = 0
    for kind, keep in (("succeeded", history.succeeded), ("failed", history.failed), ("", history.succeeded)):
        mine = [run for run in task.runs if run.finished_at is not None and _kind(run) == kind]
        if keep.count is not None and len(mine) >= keep.count:
            floor = max(floor, min(_planned_at(run) for run in mine))
        if keep.age is not None:
            floor = max(floor, (now - keep.age // timedelta(microseconds=1)) // SECOND)
    return floor if floor > task.row.first_seen_at // SECOND else 0


def _kind(run: Row) -> str:
    """By which of the limits it is kept."""
    if run.state == RunState.SUCCEEDED:
        return "succeeded"
    return "failed" if RunState(run.state) in FAILURES else ""


def _planned_at(run: Row) -> int:
    last = run.scheduled_for if run.missed_last is None else run.missed_last
    return int(last) // SECOND + 1


def _compared(task: TaskBook, found: Counter[int], expected: set[int]) -> Iterator[Finding]:
    for at, times in sorted(found.items()):
        if times > 1:
            yield Finding(Check.TWICE, task.name, f"{moment(at * SECOND)}, {times} times")
        if not any(version.timetable.mask(at, at + 1) for version in task.versions):
            yield Finding(Check.UNPLANNED, task.name, moment(at * SECOND))
    for at in sorted(expected - found.keys()):
        yield Finding(Check.UNTOLD, task.name, moment(at * SECOND))


def _cursor(task: TaskBook, ledger: _Ledger, floor: int, window: Window) -> Iterator[Finding]:
    fired, rows, due = task.row.fired, len(ledger.fired), task.row.next_fire_at
    # A schedule that was edited back and forth may have planned again what had its row.
    edited = len({version.timetable for version in task.versions}) > 1
    if rows > fired or (rows < fired and not edited and not floor):
        yield Finding(Check.CURSOR, task.name, f"it counts {fired}, and has {rows}")
    if due is None:
        return
    for at in ledger.fired:
        if at * SECOND >= due:
            facts = f"{moment(at * SECOND)}, while the next is planned for {moment(due)}"
            yield Finding(Check.TOO_EARLY, task.name, facts)
    if due < (window.until - window.late) * SECOND:
        yield Finding(Check.OVERDUE, task.name, f"due {moment(due)}, seen {moment(window.until * SECOND)}")
