"""Five-field cron: which wall-clock times an expression names. Knows no zone and no instant.

The text is checked by ``fields``, and croniter turns the checked text into sets of values. The search
is our own: croniter needs 340 µs for each moment, which a year of missed minutes cannot afford, and it
has opinions on daylight saving that are not ours. Times here are wall-clock seconds since 1970-01-01
00:00, as if the wall clock never changed.

Day of month and day of week, both restricted: either one suffices, as in POSIX cron and Kubernetes
(``0 0 29 2 1`` is the 29th of February and every Monday in February). ``*`` and ``*/1`` do not restrict,
every other text does.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from croniter import croniter

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule.fields import FIELDS, plain

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Cron:
    """The wall-clock times of one expression.

    ``plain`` is the expression in numbers (names and H resolved). ``minutes`` has bit n set when minute n
    of a matching day matches. ``days`` and ``weekdays`` (0 is Sunday) are None when their field does not
    restrict. ``fixed``: the hour is set, so daylight saving is a matter of policy (see ``rules``).
    """

    plain: str
    minutes: int
    months: frozenset[int]
    days: frozenset[int] | None
    weekdays: frozenset[int] | None
    fixed: bool

    @property
    def possible(self) -> bool:
        """Whether any day of any year matches: February has no 30th."""
        if self.days is None or self.weekdays is not None:
            return True
        return any(min(self.days) <= _LONGEST_MONTH[month - 1] for month in self.months)

    def matches_day(self, day: date) -> bool:
        """Whether it has times on ``day``."""
        if day.month not in self.months:
            return False
        if self.days is None:
            return self.weekdays is None or day.isoweekday() % 7 in self.weekdays
        return day.day in self.days or (self.weekdays is not None and day.isoweekday() % 7 in self.weekdays)

    def next_in(self, start: int, end: int) -> int | None:
        """The first time in start ≤ time < end."""
        number, second = divmod(start, DAY)
        minute = -(-second // 60)
        while number * DAY < end:
            day = date.fromordinal(_EPOCH + number)
            rest = self.minutes >> minute if self.matches_day(day) else 0
            if rest:
                found = number * DAY + (minute + lowest_bit(rest)) * 60
                return found if found < end else None
            number, minute = number + self._days_to_next(day), 0
        return None

    def _days_to_next(self, day: date) -> int:
        """One, or all the way over a month that does not match."""
        if day.month in self.months:
            return 1
        return monthrange(day.year, day.month)[1] - day.day + 1  # no date comes after the year 9999

    def mask_in(self, start: int, end: int) -> int:
        """Bit n is set when start + n is one of its times, for start ≤ start + n < end."""
        mask = 0
        for number in range(start // DAY, -(-end // DAY)):
            if self.matches_day(date.fromordinal(_EPOCH + number)):
                shift = number * DAY - start
                day = seconds_of_day(self.minutes)
                mask |= day << shift if shift >= 0 else day >> -shift
        return mask & ((1 << (end - start)) - 1)


def lowest_bit(mask: int) -> int:
    """The number of the lowest bit that is set; ``mask`` must not be zero."""
    return (mask & -mask).bit_length() - 1


@lru_cache(maxsize=64)
def seconds_of_day(minutes: int) -> int:
    """``minutes`` with one bit for a second instead of a minute."""
    mask = 0
    while minutes:
        minute = lowest_bit(minutes)
        mask |= 1 << minute * 60
        minutes &= minutes - 1
    return mask


def parse_cron(text: str, hash_key: str) -> Cron:
    """``text`` read by the grammar of this package. Raises InvalidInput, never anything of croniter's."""
    words = text.split()
    if len(words) != len(FIELDS):
        raise InvalidInput(_wrong_count(len(words)))
    fields = tuple(plain(field, word, hash_key) for field, word in zip(FIELDS, words, strict=True))
    return _read(fields, not _wildcard(words[1]))


@lru_cache(maxsize=4096)
def _read(fields: tuple[str, ...], at: bool) -> Cron:
    """Plain fields; ``at``: the hour field says when. One object for all tasks that ``H`` gave the same."""
    minutes, hours, days, months, weekdays = _values(fields)
    return Cron(
        plain=" ".join(fields),
        minutes=_minute_mask(hours, minutes),
        months=frozenset(months),
        days=None if fields[2] == "*" else frozenset(days),
        weekdays=None if fields[4] == "*" else frozenset(weekdays),
        fixed=at and len(hours) < 24,
    )


def _values(fields: Sequence[str]) -> list[list[int]]:
    """Every value each field names. croniter writes ``*`` for a field that names them all."""
    expanded, _ = croniter.expand(" ".join(fields))
    last_of = (59, 23, 31, 12, 6)
    return [
        [int(value) for value in values] if values != ["*"] else list(range(field.first, last + 1))
        for field, values, last in zip(FIELDS, expanded, last_of, strict=True)
    ]


def _minute_mask(hours: Sequence[int], minutes: Sequence[int]) -> int:
    return sum(1 << hour * 60 + minute for hour in set(hours) for minute in set(minutes))


def _wildcard(hour: str) -> bool:
    """Whether the hour field says "every so often" rather than "at": ``*``, ``*/2``, ``H/2``."""
    return hour.startswith("*") or (hour.startswith("H") and "/" in hour)


def _wrong_count(count: int) -> str:
    wanted = "expected five fields (minute, hour, day of month, month, day of week)"
    remedies = {
        6: "; seconds and years are not supported, leave that field out: seconds stand first, years last"
    }
    return f"{wanted}, found {count}" + remedies.get(count, "; put * where any value will do")
