"""Lengths of time as people write them: "2 seconds", "1h30m", "1.5 hours", or milliseconds as a number.

Only ASCII, only units of a fixed length (no months), whole milliseconds, and always bounds: a length of
time that got through here can be added to any moment of this century without an overflow.
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from nice_operator.domain.errors import InvalidInput

LONGEST = timedelta(days=366)
SHORTEST = timedelta(milliseconds=1)
LONGEST_TEXT = 64

_UNITS: tuple[tuple[timedelta, str, tuple[str, ...]], ...] = (
    (timedelta(weeks=1), "week", ("w", "week", "weeks")),
    (timedelta(days=1), "day", ("d", "day", "days")),
    (timedelta(hours=1), "hour", ("h", "hr", "hrs", "hour", "hours")),
    (timedelta(minutes=1), "minute", ("m", "min", "mins", "minute", "minutes")),
    (timedelta(seconds=1), "second", ("s", "sec", "secs", "second", "seconds")),
    (timedelta(milliseconds=1), "millisecond", ("ms", "millisecond", "milliseconds")),
)
_BY_NAME = {name: unit for unit, _, names in _UNITS for name in names}
_NUMBER_AND_UNIT = r"([0-9]{1,15}(?:\.[0-9]{1,9})?)[ \t]*([a-z]+)"
_PART = re.compile(_NUMBER_AND_UNIT)
_WHOLE = re.compile(rf"{_NUMBER_AND_UNIT}(?:(?:[ \t]*,[ \t]*|[ \t]+and[ \t]+|[ \t]*){_NUMBER_AND_UNIT})*")
_EXAMPLES = 'write "30 seconds", "1h30m" or "1.5 hours"'


def parse_duration(
    value: object, *, shortest: timedelta = SHORTEST, longest: timedelta = LONGEST
) -> timedelta:
    """The length of time that ``value`` means: a text with units, or an int in milliseconds.

    Units run from weeks to milliseconds, largest first, each at most once; a number may have a
    fraction. Raises InvalidInput when it is not understood or outside ``shortest`` … ``longest``
    (both allowed).
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput(
            f"a duration is text with units or an int of milliseconds, not {value!r:.40}; {_EXAMPLES}"
        )
    microseconds = value * 1000 if isinstance(value, int) else _from_text(value)
    return _bounded(value, microseconds, shortest, longest)


def format_duration(length: timedelta) -> str:
    """``length`` in words: "1 hour 30 minutes". Parts below a millisecond are left out."""
    rest = abs(length)
    words = []
    for unit, name, _ in _UNITS[1:]:  # days at most: "10 days" reads better than "1 week 3 days"
        count, rest = divmod(rest, unit)
        if count:
            words.append(f"{count} {name}" + ("" if count == 1 else "s"))
    return ("-" if length < timedelta() else "") + " ".join(words) if words else "0 seconds"


def _from_text(text: str) -> Decimal:
    """Microseconds, exact; how large is for the caller to judge."""
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"a duration has at most {LONGEST_TEXT} characters, not {len(text)}; {_EXAMPLES}")
    plain = text.strip(" \t").lower() if text.isascii() else ""
    if plain.isdigit():
        raise InvalidInput(
            f'the duration "{text}" has no unit; add one ("{plain} seconds"), '
            "or write it as a number without quotes to mean milliseconds"
        )
    if not _WHOLE.fullmatch(plain):
        raise InvalidInput(
            f"the duration {text!r} is not understood: expected numbers with units; {_EXAMPLES}"
        )
    return _sum(text, _PART.findall(plain))


def _sum(text: str, parts: list[tuple[str, str]]) -> Decimal:
    total, allowed = Decimal(0), [unit for unit, _, _ in _UNITS]
    for number, name in parts:
        unit = _unit(text, name, allowed)
        allowed = allowed[allowed.index(unit) + 1 :]
        total += Decimal(number) * (unit // timedelta(microseconds=1))
    return total


def _unit(text: str, name: str, allowed: list[timedelta]) -> timedelta:
    unit = _BY_NAME.get(name)
    if unit is None:
        raise InvalidInput(
            f"the duration {text!r} has the unknown unit {name!r}; known are weeks, days, hours, minutes, "
            f"seconds and milliseconds (w, d, h, m, s, ms)"
        )
    if unit not in allowed:
        raise InvalidInput(
            f"the duration {text!r} has {name!r} twice or after a smaller unit; "
            "write each unit once, the largest first"
        )
    return unit


def _bounded(
    value: int | str, microseconds: int | Decimal, shortest: timedelta, longest: timedelta
) -> timedelta:
    """Compares before it converts, so that no number is too large to be refused."""
    tick = timedelta(microseconds=1)
    if not shortest // tick <= microseconds <= longest // tick:
        shown = repr(value) if isinstance(value, str) or abs(value) < 10**20 else "of more than 20 digits"
        raise InvalidInput(
            f"the duration {shown} is out of range: it must be from {format_duration(shortest)} "
            f"to {format_duration(longest)}"
        )
    if microseconds % 1000:
        raise InvalidInput(f"the duration {value!r} is not a whole number of milliseconds; round it")
    return timedelta(microseconds=int(microseconds))
