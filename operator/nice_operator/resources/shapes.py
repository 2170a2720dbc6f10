"""Types of single values: each a shape, its bounds, and the sentence for whoever missed it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule import parse_schedule
from nice_operator.domain.timeout import parse_duration
from nice_operator.resources import patterns
from nice_operator.resources.quantity import bytes_of

MOST_MILLISECONDS = 31_622_400_000
SMALLEST_MEMORY, LARGEST_MEMORY = bytes_of("16Mi"), bytes_of("1Ti")
_MOMENTS = "a date and time with a zone such as 2030-01-31T09:00:00Z or 2030-01-31T09:00:00+01:00"


def wrong(message: str) -> PydanticCustomError:
    """A finding whose message is already meant for people."""
    return PydanticCustomError("nice", "{message}", {"message": message})


def shown(value: object) -> str:
    """``value`` for a message: short, and without anything that a terminal would obey."""
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…{text[-1]}"


def shaped(pattern: str, expected: str) -> AfterValidator:
    """A text of the shape ``pattern``; ``expected`` finishes the sentence "must be …"."""

    def check(text: str) -> str:
        if not patterns.fits(pattern, text):
            raise wrong(f"must be {expected}, found {shown(text)}")
        return text

    return AfterValidator(check)


def at_most_bytes(limit: int, remedy: str) -> AfterValidator:
    """A text of at most ``limit`` bytes in UTF-8."""

    def check(text: str) -> str:
        size = len(text.encode("utf-8", "surrogatepass"))
        if size > limit:
            raise wrong(f"must be at most {limit} bytes in UTF-8, found {size}; {remedy}")
        return text

    return AfterValidator(check)


def without_nul(text: str) -> str:
    """No process can be given a NUL."""
    if "\0" in text:
        raise wrong("cannot contain a NUL character; remove it")
    return text


def _schedule(text: str) -> str:
    if patterns.schedule_shaped(text):
        return text
    raise wrong(_complaint(lambda: parse_schedule(text)) or _not_a_schedule(text))


def _not_a_schedule(text: str) -> str:
    return (
        'must be "manual", an interval such as "20 minutes", a macro such as @hourly, or five cron fields '
        f'such as "*/5 * * * *" with single spaces between and none at the ends, found {shown(text)}'
    )


def _timeout(value: Any) -> int | str:
    if isinstance(value, str) and 0 < len(value) <= 64 and patterns.fits(patterns.DURATION, value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_MILLISECONDS:
        return value
    raise wrong(
        _complaint(lambda: parse_duration(value)) or f"must be a length of time, found {shown(value)}"
    )


def _complaint(read: Callable[[], object]) -> str:
    try:
        read()
    except InvalidInput as refusal:
        return str(refusal)
    return ""


def moment(text: str) -> datetime:
    """The aware UTC datetime that a text of the shape ``patterns.MOMENT`` means."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment(text: str) -> str:
    if not patterns.fits(patterns.MOMENT, text):
        raise wrong(f"must be {_MOMENTS} (years 1970 to 2999), found {shown(text)}")
    try:
        moment(text)
    except ValueError:
        raise wrong(f"must be a day that exists, found {shown(text)}; correct the date") from None
    return text


def _not_reserved(name: str) -> str:
    if re.match(patterns.RESERVED_ENV_NAME, name):
        raise wrong(
            f"{name} is reserved for the worker (PATH, LD_…, PYTHON…, NICE_…); choose another name, "
            "or set it in the worker pool"
        )
    return name


def _memory(text: str) -> str:
    if not SMALLEST_MEMORY <= bytes_of(text) <= LARGEST_MEMORY:
        raise wrong(
            f"must be from 16Mi to 1Ti, found {shown(text)}; "
            "check the unit (M is a million bytes, Mi is 1048576)"
        )
    return text


TaskName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    shaped(patterns.TASK_NAME, "without control characters and without a space at either end"),
    at_most_bytes(253, "choose a shorter name"),
]
ScheduleText = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_schedule)]
TimeZone = Annotated[
    str,
    Field(min_length=1, max_length=64),
    shaped(patterns.TIME_ZONE, "an IANA time zone name such as Europe/Zurich or Etc/UTC"),
]
Moment = Annotated[str, Field(max_length=64), AfterValidator(_moment)]
Timeout = Annotated[int | str, BeforeValidator(_timeout)]
Source = Annotated[
    str,
    Field(min_length=1, max_length=131_072),
    at_most_bytes(131_072, "put the code into the worker's image and use run.function"),
]
FunctionPath = Annotated[
    str,
    Field(max_length=512),
    shaped(patterns.FUNCTION, 'written "package.module:callable", such as reports.daily:run'),
]
Word = Annotated[str, Field(max_length=65_536), AfterValidator(without_nul)]
EnvName = Annotated[
    str,
    Field(max_length=256),
    shaped(patterns.ENV_NAME, "letters, digits and underscores, not beginning with a digit"),
    AfterValidator(_not_reserved),
]
EnvValue = Annotated[str, Field(max_length=32_768), AfterValidator(without_nul)]
Memory = Annotated[
    str,
    Field(min_length=1, max_length=32),
    shaped(patterns.QUANTITY, "an amount of memory such as 512Mi or 2Gi"),
    AfterValidator(_memory),
]
PoolName = Annotated[
    str,
    Field(min_length=1, max_length=317),
    shaped(
        patterns.WORKER_POOL,
        "the name of a worker pool, or namespace/name: lower-case letters, digits, - and .",
    ),
]
LabelName = Annotated[
    str,
    Field(max_length=317),
    shaped(patterns.LABEL_NAME, "the name of a label, such as disktype or example.com/disktype"),
]
LabelValue = Annotated[
    str,
    Field(max_length=63),
    shaped(
        patterns.LABEL_VALUE,
        "the value of a label: letters, digits, -, _ and ., a letter or digit at both ends",
    ),
]
SignalName = Annotated[
    str, Field(max_length=16), shaped(patterns.SIGNAL, "the name of a signal such as SIGKILL")
]
ModuleName = Annotated[
    str,
    Field(max_length=256),
    shaped(patterns.MODULE, "the name of a Python module, such as pandas or reports.daily"),
]


def _namespace(text: str) -> str:
    if text != "*" and not patterns.fits(patterns.NAMESPACE, text):
        raise wrong(f'must be the name of a namespace, or "*" for all, found {shown(text)}')
    return text


NamespaceName = Annotated[str, Field(max_length=63), AfterValidator(_namespace)]
