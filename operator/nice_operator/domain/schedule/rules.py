"""The three kinds of schedule as sets of instants: cron in a zone, an interval's grid, one moment.

A rule answers two questions in whole seconds since 1970 UTC: what comes next, and, for a window, which
seconds are in it, as one integer whose bit n stands for start + n. The second answer is what makes a year
of missed minutes cheap: a few hundred operations on large integers instead of half a million steps.

Daylight saving, for cron alone. An expression whose hour is set ("at 02:30", ``7,9``, ``8-17``) means a
wall-clock time, and the policy decides what happens to one that does not exist or exists twice. An expression
whose hour is a wildcard (``*``, ``*/2``, ``H/2``, or all 24) means "every so often": it follows the
wall clock as it really runs, hence real elapsed time, and is neither moved nor de-duplicated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from nice_operator.domain.schedule.cron import DAY, Cron
from nice_operator.domain.schedule.zones import LATEST, Change, Stretch, stretches
from nice_operator.domain.task import Gap, Repeat

_WINDOW = 366 * DAY
# 29 February is at most 8 years away (1896, 1904); the rest is for times that gaps swallow.
_HORIZON_WINDOWS = 40


class Rule(Protocol):
    """What ``Timetable`` asks of each kind; explained at ``CronRule``."""

    def next_after(self, second: int) -> int | None: ...

    def mask(self, start: int, end: int) -> int: ...

    def intended(self, second: int) -> int | None: ...


@dataclass(frozen=True, slots=True)
class CronRule:
    """A cron expression in a zone. ``text`` is as written, for messages."""

    cron: Cron
    zone: str
    gap: Gap
    repeat: Repeat
    text: str = field(compare=False, default="")

    def next_after(self, second: int) -> int | None:
        """The first fire later than ``second``; None if there is none within 40 years."""
        start = second + 1
        for _ in range(_HORIZON_WINDOWS if self.cron.possible else 0):
            end = min(start + _WINDOW, LATEST)
            for stretch in stretches(self.zone, start, end):
                found = self._next_in(stretch, max(start, stretch.start), min(end, stretch.end))
                if found is not None:
                    return found
            start = end
        return None

    def mask(self, start: int, end: int) -> int:
        """Bit n is set when start + n is a fire, for start ≤ start + n < end."""
        mask = 0
        for stretch in stretches(self.zone, start, end):
            if start <= stretch.start < end and self._shifted(stretch.opens) is not None:
                mask |= 1 << stretch.start - start
            first, last = self._allowed(stretch, max(start, stretch.start), min(end, stretch.end))
            if first < last:
                mask |= self.cron.mask_in(first + stretch.offset, last + stretch.offset) << first - start
        return mask

    def intended(self, second: int) -> int | None:
        """The wall-clock time (as seconds) that the fire at ``second`` was moved from, None if not moved."""
        stretch = next(stretches(self.zone, second, second + 1))
        local = second + stretch.offset
        if stretch.start != second or self.cron.next_in(local, local + 1) is not None:
            return None
        return self._shifted(stretch.opens)

    def _next_in(self, stretch: Stretch, start: int, end: int) -> int | None:
        if start == stretch.start and start < end and self._shifted(stretch.opens) is not None:
            return start
        first, last = self._allowed(stretch, start, end)
        local = self.cron.next_in(first + stretch.offset, last + stretch.offset)
        return None if local is None else local - stretch.offset

    def _shifted(self, change: Change | None) -> int | None:
        """The first wall-clock time that ``change`` skipped and that must run right after the gap."""
        if change is None or not change.skipped or not self.cron.fixed or self.gap is Gap.SKIP:
            return None
        return self.cron.next_in(change.at + change.before, change.at + change.after)

    def _allowed(self, stretch: Stretch, start: int, end: int) -> tuple[int, int]:
        """The window less the pass of a repeated hour that the policy leaves out."""
        if self.cron.fixed and self.repeat is Repeat.FIRST and stretch.opens:
            start = max(start, stretch.opens.at + stretch.opens.repeated)
        if self.cron.fixed and self.repeat is Repeat.LAST and stretch.closes:
            end = min(end, stretch.closes.at - stretch.closes.repeated)
        return start, end


@dataclass(frozen=True, slots=True)
class IntervalRule:
    """Every ``step`` seconds from ``anchor`` on; no zone, no drift. Without an anchor it has no fires."""

    step: int
    anchor: int | None
    text: str = field(compare=False, default="")

    def next_after(self, second: int) -> int | None:
        """The first point of the grid later than ``second``."""
        if self.anchor is None:
            return None
        passed = max(0, (second - self.anchor) // self.step + 1)
        return self.anchor + passed * self.step

    def mask(self, start: int, end: int) -> int:
        """Bit n is set when start + n is on the grid."""
        first = self.next_after(start - 1)
        if first is None or first >= end:
            return 0
        return _comb(self.step, end - start) << first - start & (1 << end - start) - 1

    def intended(self, second: int) -> int | None:
        """Never moved."""
        return None


@dataclass(frozen=True, slots=True)
class OnceRule:
    """One moment."""

    at: int

    def next_after(self, second: int) -> int | None:
        """The moment, if it is later than ``second``."""
        return self.at if self.at > second else None

    def mask(self, start: int, end: int) -> int:
        """One bit, if the moment is in the window."""
        return 1 << self.at - start if start <= self.at < end else 0

    def intended(self, second: int) -> int | None:
        """Never moved."""
        return None


@lru_cache(maxsize=64)
def _comb(step: int, length: int) -> int:
    """Bits 0, step, 2 · step … below ``length``, by doubling."""
    mask, span = 1, step
    while span < length:
        mask |= mask << span
        span *= 2
    return mask & (1 << length) - 1


def bits(mask: int) -> Iterator[int]:
    """The numbers of the set bits, highest first."""
    while mask:
        highest = mask.bit_length() - 1
        yield highest
        mask ^= 1 << highest
