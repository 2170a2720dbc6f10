"""When one task fires: all its schedules, its moment and its bounds, as one strictly increasing series.

Whether the task is suspended is not known here: suspended time makes no fires, and resuming is
``next_after(now)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from nice_operator.domain.errors import InvalidInput, Problem
from nice_operator.domain.schedule.cron import Cron
from nice_operator.domain.schedule.grammar import Every, parse_schedule
from nice_operator.domain.schedule.rules import CronRule, IntervalRule, OnceRule, Rule
from nice_operator.domain.schedule.zones import (
    EARLIEST,
    LATEST,
    check_time_zone,
    to_instant,
    to_seconds,
)
from nice_operator.domain.task import Gap, Repeat, TaskSpec


@dataclass(frozen=True, slots=True)
class Fire:
    """One planned moment.

    ``at`` is aware UTC, on a whole second. ``key`` names it for ever: ``c:<UTC seconds>``, or
    ``o:<UTC seconds>`` for the task's runAt. ``local`` is the wall-clock time that was meant, without zone:
    it differs from the wall clock at ``at`` when a gap moved the fire. ``fold`` is 1 in the second pass
    of a repeated hour.
    """

    at: datetime
    key: str
    local: datetime
    fold: int


@dataclass(frozen=True, slots=True)
class Timetable:
    """The fires of one task. Two that compare equal fire at the same instants.

    Bounds are seconds since 1970 UTC, both included. ``zone`` is for telling times, and for nothing else.
    """

    rules: tuple[Rule, ...]
    first: int = EARLIEST
    last: int = LATEST
    zone: str = field(compare=False, default="Etc/UTC")

    def next_after(self, instant: datetime) -> Fire | None:
        """The first fire later than ``instant``, None if there is none. Never raises."""
        second = self.next_second(to_seconds(instant))
        return None if second is None else self.fire_at(second)

    def next_second(self, second: int) -> int | None:
        """``next_after`` in seconds since 1970 UTC."""
        after = max(second, self.first - 1, EARLIEST)
        found = [at for rule in self.rules if (at := rule.next_after(after)) is not None and at <= self.last]
        return min(found, default=None)

    def mask(self, start: int, end: int) -> int:
        """Bit n is set when start + n is a fire, for start ≤ start + n < end."""
        first, beyond = max(start, self.first), min(end, self.last + 1)
        mask = 0
        if first < beyond:
            for rule in self.rules:
                mask |= rule.mask(first, beyond) << first - start
        return mask

    def fire_at(self, second: int) -> Fire:
        """The fire at ``second``, named and told in local time."""
        local = to_instant(second).astimezone(ZoneInfo(self.zone))
        moved = [wall for rule in self.rules if (wall := rule.intended(second)) is not None]
        return Fire(
            at=to_instant(second),
            key=f"{'o' if second == self.once else 'c'}:{second}",
            local=to_instant(min(moved)).replace(tzinfo=None)
            if moved
            else local.replace(tzinfo=None, fold=0),
            fold=0 if moved else local.fold,
        )

    @property
    def once(self) -> int | None:
        """The second of runAt, if the task has one."""
        return next((rule.at for rule in self.rules if isinstance(rule, OnceRule)), None)

    @property
    def anchor(self) -> int | None:
        """The second at which its intervals begin, if it has any."""
        return next((rule.anchor for rule in self.rules if isinstance(rule, IntervalRule)), None)


def timetable_of(spec: TaskSpec, *, hash_key: str, anchor: datetime | None) -> Timetable:
    """The timetable of ``spec``.

    ``hash_key`` is what ``H`` is computed from: stable for the task, different between tasks (its uid, or
    namespace/name). ``anchor`` is where its intervals begin: the moment it was first seen.
    Raises InvalidInput that lists every schedule and zone that is wrong.

    Tasks whose schedules need neither share one timetable: 10,000 that are due together have few.
    """
    hashed, anchored = _own(spec.schedules)
    return build_timetable(
        spec.schedules,
        run_at=spec.run_at,
        time_zone=spec.time_zone,
        gap=spec.gap,
        repeat=spec.repeat,
        not_before=spec.not_before,
        not_after=spec.not_after,
        hash_key=hash_key if hashed else "",
        anchor=anchor if anchored else None,
    )


@lru_cache(maxsize=16_384)
def _own(schedules: tuple[str, ...]) -> tuple[bool, bool]:
    """What is the task's own in its timetable: whether a schedule may have an ``H``, whether one is an
    interval. What cannot be read has both."""
    try:
        anchored = any(isinstance(parse_schedule(text), Every) for text in schedules)
    except InvalidInput:
        return True, True
    return any("H" in text for text in schedules), anchored


@lru_cache(maxsize=16_384)
def build_timetable(
    schedules: tuple[str, ...] = (),
    *,
    run_at: datetime | None = None,
    time_zone: str = "Etc/UTC",
    gap: Gap = Gap.RUN_AFTER,
    repeat: Repeat = Repeat.FIRST,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    hash_key: str = "",
    anchor: datetime | None = None,
) -> Timetable:
    """``timetable_of`` from its parts. Kept, because the scheduler asks for the same ones all day."""
    problems: list[Problem] = _problems_of_zone(time_zone)
    rules: list[Rule] = []
    for number, text in enumerate(schedules):
        try:
            schedule = parse_schedule(text, hash_key)
        except InvalidInput as refusal:
            problems.append(Problem(f"schedules[{number}]", str(refusal)))
            continue
        match schedule:
            case Cron():
                rules.append(CronRule(schedule, time_zone, gap, repeat, text))
            case Every(step):
                start = None if anchor is None else to_seconds(anchor)
                rules.append(IntervalRule(int(step.total_seconds()), start, text))
    if problems:
        raise InvalidInput("; ".join(problem.message for problem in problems), tuple(problems))
    return Timetable(
        rules=(*rules, *(() if run_at is None else (OnceRule(_ceiling(run_at)),))),
        first=EARLIEST if not_before is None else max(EARLIEST, _ceiling(not_before)),
        last=LATEST if not_after is None else min(LATEST, to_seconds(not_after)),
        zone=time_zone,
    )


def _problems_of_zone(time_zone: str) -> list[Problem]:
    try:
        check_time_zone(time_zone)
    except InvalidInput as refusal:
        return [Problem("timeZone", str(refusal))]
    return []


def _ceiling(instant: datetime) -> int:
    """Whole seconds since 1970, rounded up: never earlier than asked for."""
    return to_seconds(instant) + (1 if instant.microsecond else 0)
