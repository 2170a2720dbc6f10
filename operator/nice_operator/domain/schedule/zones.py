"""Time zones: which names are accepted, and the stretches of constant offset that a zone consists of.

Everything here counts whole seconds since 1970-01-01 00:00 UTC. The time-zone database is read through
``zoneinfo``, which is the one thing in the domain that touches files; it caches what it read.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from nice_operator.domain.errors import InvalidInput

DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)

# Two days inside what datetime can hold, so that no offset leads out of it.
EARLIEST = (datetime(1, 1, 3, tzinfo=UTC) - EPOCH) // _SECOND
LATEST = (datetime(9999, 12, 29, tzinfo=UTC) - EPOCH) // _SECOND

# Entries of the database that are no place: placeholders, and rules of an old notation, whose meaning
# has changed between its releases.
_JUNK = {
    "Factory": "Etc/UTC",
    "localtime": "Etc/UTC",
    "posixrules": "America/New_York",
    "EST5EDT": "America/New_York",
    "CST6CDT": "America/Chicago",
    "MST7MDT": "America/Denver",
    "PST8PDT": "America/Los_Angeles",
}


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Every name that ``timeZone`` may be."""
    return frozenset(
        name
        for name in available_timezones()
        if name not in _JUNK and not name.startswith(("posix/", "right/", "SystemV/"))
    )


def check_time_zone(name: str) -> str:
    """``name`` if it is a time zone's exact name; else raises InvalidInput with the nearest that is."""
    if name in zone_names():
        return name
    nearest = _nearest(name)
    hint = f'write "{nearest}"' if nearest else 'write a name such as "Europe/Berlin" or "Etc/UTC"'
    shown = ascii(name)[1:-1][:64]
    raise InvalidInput(f'time zone "{shown}" is not an exact name of the IANA time zone database; {hint}')


def _nearest(name: str) -> str | None:
    if name in _JUNK:
        return _JUNK[name]
    by_lower = {known.lower(): known for known in zone_names()}
    key = name[:64].strip().lower().replace(" ", "_")
    if key in by_lower:
        return by_lower[key]
    close = difflib.get_close_matches(key, by_lower, n=1, cutoff=0.75)
    return by_lower[close[0]] if close else None


def to_seconds(instant: datetime) -> int:
    """Whole seconds since 1970, rounded down."""
    return (instant - EPOCH) // _SECOND


def to_instant(seconds: int) -> datetime:
    """The aware UTC datetime of ``seconds``."""
    return EPOCH + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Change:
    """A moment at which a zone's offset from UTC (in seconds) changes."""

    at: int
    before: int
    after: int

    @property
    def skipped(self) -> int:
        """Seconds of wall-clock time that do not exist (0 if none)."""
        return max(0, self.after - self.before)

    @property
    def repeated(self) -> int:
        """Seconds of wall-clock time that exist twice (0 if none)."""
        return max(0, self.before - self.after)


@dataclass(frozen=True, slots=True)
class Stretch:
    """start ≤ instant < end, with one offset. ``opens`` and ``closes`` are the changes at its edges."""

    start: int
    end: int
    offset: int
    opens: Change | None
    closes: Change | None


def stretches(zone: str, start: int, end: int) -> Iterator[Stretch]:
    """The stretches that touch start ≤ instant < end, in order, each with its true edges.

    Only the first and the last may be longer in truth; those have no change at that edge, which is then at
    least a year outside the window.
    """
    years = to_instant(_clamp(start)).year, to_instant(_clamp(end)).year
    return (s for s in _stretches_around(zone, *years) if s.start < end and s.end > start)


@lru_cache(maxsize=4096)
def _stretches_around(zone: str, first_year: int, last_year: int) -> tuple[Stretch, ...]:
    """All time, cut at the changes from the year before to the year after."""
    found: list[Stretch] = []
    opens: Change | None = None
    for year in range(first_year - 1, last_year + 2):
        for change in changes_of_year(zone, year):
            found.append(Stretch(opens.at if opens else EARLIEST, change.at, change.before, opens, change))
            opens = change
    offset = opens.after if opens else _offset(zone, to_seconds(datetime(first_year, 7, 1, tzinfo=UTC)))
    return (*found, Stretch(opens.at if opens else EARLIEST, LATEST + 1, offset, opens, None))


@lru_cache(maxsize=4096)
def changes_of_year(zone: str, year: int) -> tuple[Change, ...]:
    """The changes of ``zone`` in one UTC year. Empty outside years 2 to 9998."""
    if not 2 <= year <= 9998:
        return ()
    start, end = (to_seconds(datetime(y, 1, 1, tzinfo=UTC)) for y in (year, year + 1))
    found, at = [], start - 1
    while (change := _next_change(zone, at, end - 1)) is not None:
        found.append(change)
        at = change.at
    return tuple(found)


def _next_change(zone: str, after: int, last: int) -> Change | None:
    """Looks at each day; a zone that changes twice within one and comes back would not be seen (none did)."""
    before = _offset(zone, after)
    while after < last:
        probe = min(after + DAY, last)
        if _offset(zone, probe) != before:
            return _pinpoint(zone, after, probe, before)
        after = probe
    return None


def _pinpoint(zone: str, low: int, high: int, before: int) -> Change:
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return Change(high, before, _offset(zone, high))


def _offset(zone: str, seconds: int) -> int:
    offset = to_instant(seconds).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None  # noqa: S101 (a ZoneInfo always has one; this tells the type checker)
    return offset // _SECOND


def _clamp(seconds: int) -> int:
    return min(max(seconds, EARLIEST), LATEST)
