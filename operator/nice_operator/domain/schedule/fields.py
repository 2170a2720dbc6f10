"""One field of a cron expression: checked strictly, then written as plain numbers.

What is read here is smaller than what croniter accepts: no ``R``, ``?``, ``L``, ``W``, ``#``, no ranges that
run backwards, no step that leaves its range. Each refusal says what was found, what is allowed, and what
to write.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from nice_operator.domain.errors import InvalidInput

_ITEM = re.compile(
    r"(?P<base>\*|H(?:\((?P<hash_first>[0-9]{1,4})-(?P<hash_last>[0-9]{1,4})\))?"
    r"|(?P<first>[0-9A-Za-z]+)(?:-(?P<last>[0-9A-Za-z]+))?)(?:/(?P<step>[0-9]{1,4}))?"
)
_FOREIGN = {
    "?": "write *",
    "#": 'for "the second Monday" let the task itself look at the date',
    "L": 'for "the last day" run every day and let the task itself look at the date',
    "W": 'for "the nearest weekday" run Monday to Friday (1-5) and let the task itself look at the date',
    "R": "for a stable minute of the task's own write H",
}


@dataclass(frozen=True)
class Field:
    """What one place of a cron expression may hold. ``hash_last`` bounds a bare ``H``."""

    name: str
    first: int
    last: int
    hash_last: int
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def allowed(self) -> str:
        """What may stand here, for people."""
        names = f" or {next(iter(self.names))}-{list(self.names)[-1]}" if self.names else ""
        return f"{self.first}-{self.last}{names}, *, lists (1,2), ranges (1-5), steps (*/2) and H"


_NAMES_OF_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES_OF_MONTHS, 1)}
_WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}

MINUTE = Field("minute", 0, 59, 59)
HOUR = Field("hour", 0, 23, 23)
# H in the day of month stops at 28, so that it names a day of every month.
DAY = Field("day of month", 1, 31, 28)
MONTH = Field(
    "month",
    1,
    12,
    12,
    _MONTHS,
)
# 0 and 7 are both Sunday.
WEEKDAY = Field("day of week", 0, 7, 6, _WEEKDAYS)
FIELDS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def plain(field: Field, text: str, hash_key: str) -> str:
    """``text`` with names and ``H`` replaced by numbers, or ``*`` where it stands for every value.

    ``H`` becomes the same number for the same ``hash_key``, for ever. Raises InvalidInput.
    """
    items = [_item(field, item, hash_key) for item in text.split(",")]
    return "*" if "*" in items else ",".join(items)


def _item(field: Field, item: str, hash_key: str) -> str:
    match = _ITEM.fullmatch(item)
    if match is None:
        raise _refused(field, item, _remedy(item))
    base = match["base"]
    hashed = base.startswith("H")
    first, last = _range(field, item, match)
    step = _step(field, item, match["step"], first, last)
    if hashed:
        return _hashed(field, first, last, step, hash_key)
    if base == "*":
        return "*" if step in (None, 1) else f"*/{step}"
    if match["last"] is None and step is None:
        return str(first)
    return f"{first}-{last}" + (f"/{step}" if step else "")


def _range(field: Field, item: str, match: re.Match[str]) -> tuple[int, int]:
    """The first and last value that ``item`` reaches, before its step."""
    if match["base"] in ("*", "H"):
        stepped_hash = match["base"] == "H" and match["step"] is None
        return field.first, field.hash_last if stepped_hash else _highest(field)
    first_text, last_text = match["first"] or match["hash_first"], match["last"] or match["hash_last"]
    first = _value(field, item, first_text)
    if last_text is None:
        return first, _highest(field) if match["step"] else first
    last = _value(field, item, last_text)
    if last < first:
        raise _refused(
            field, item, f"a range runs upwards: write two, such as {_two_ranges(field, first, last)}"
        )
    return first, last


def _highest(field: Field) -> int:
    return 6 if field is WEEKDAY else field.last


def _two_ranges(field: Field, first: int, last: int) -> str:
    ends = ((first, _highest(field)), (field.first, last))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ends)


def _value(field: Field, item: str, text: str) -> int:
    if text.isdigit():
        value = int(text[:5])
    else:
        named = field.names.get(text.lower())
        if named is None:
            raise _refused(field, item, _remedy(text))
        value = named
    if not field.first <= value <= field.last:
        raise _refused(field, item, f"{text} is out of range")
    return value


def _step(field: Field, item: str, text: str | None, first: int, last: int) -> int | None:
    if text is None:
        return None
    step = int(text)
    if step == 0:
        raise _refused(field, item, "a step is at least 1")
    if step > last - first:
        raise _refused(
            field,
            item,
            f"the step {step} leaves the range {first}-{last} at once; "
            f"write a step of at most {last - first}, or the single value {first}",
        )
    return step


def _hashed(field: Field, first: int, last: int, step: int | None, hash_key: str) -> str:
    if step is None:
        return str(first + _hash(field, hash_key) % (last - first + 1))
    return f"{first + _hash(field, hash_key) % step}-{last}/{step}"


def _hash(field: Field, hash_key: str) -> int:
    """Differs from field to field, so that H H is not always on one diagonal of the day."""
    text = f"{field.name}\0{hash_key}".encode("utf-8", "surrogatepass")  # any name has a place
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


def _remedy(text: str) -> str:
    for letter, remedy in _FOREIGN.items():
        if letter in text.upper():
            return f"{letter} is not part of this grammar; {remedy}"
    return ""


def _refused(field: Field, item: str, remedy: str) -> InvalidInput:
    found = f'holds "{item[:40]}"' if item else "has an empty place in its list"
    return InvalidInput(
        f"the {field.name} field {found}; allowed are {field.allowed}" + (f"; {remedy}" if remedy else "")
    )
