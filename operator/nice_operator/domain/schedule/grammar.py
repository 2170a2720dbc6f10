"""A schedule as text: "manual", five-field cron, a macro such as @daily, or an interval such as "20 minutes".

This says what the text means by itself; zones, anchors and policies join it in ``timetable``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule.cron import Cron, parse_cron
from nice_operator.domain.timeout import parse_duration

LONGEST_TEXT = 256
MANUAL = "manual"
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_SECOND = timedelta(seconds=1)
_INTERVAL = re.compile(r"every\b.*|[0-9][0-9.]*[ \t]*(?!H(?:[ \t(/,]|$))[A-Za-z].*", re.DOTALL)
_BARE_UNIT = re.compile(r"(week|day|hour|minute|second)")
_EXPECTED = (
    'expected "manual", five cron fields such as "0 2 * * 1-5", a macro such as @daily, '
    'or an interval such as "20 minutes"'
)


@dataclass(frozen=True, slots=True)
class Manual:
    """Never by itself."""


@dataclass(frozen=True, slots=True)
class Every:
    """Every ``step`` of elapsed time (whole seconds)."""

    step: timedelta


Schedule = Manual | Every | Cron


@lru_cache(maxsize=16_384)
def parse_schedule(text: str, hash_key: str = "") -> Schedule:
    """What ``text`` means. ``hash_key`` decides ``H``: the same key, the same moment, for ever.

    Raises InvalidInput that names the place, what was found, what is allowed and what to write instead.
    """
    try:
        return _parse(text, hash_key)
    except InvalidInput as refusal:
        raise InvalidInput(f"schedule {_shown(text)}: {refusal}") from None


def _parse(text: str, hash_key: str) -> Schedule:
    _check_characters(text)
    stripped = text.strip(" \t")
    if stripped == MANUAL:
        return Manual()
    if stripped.startswith("@"):
        return parse_cron(_macro(stripped), hash_key)
    if _INTERVAL.fullmatch(stripped) and "*" not in stripped:
        return Every(_interval(stripped))
    _check_foreign(stripped)
    return parse_cron(stripped, hash_key)


def _check_characters(text: str) -> None:
    if not isinstance(text, str):
        raise InvalidInput(f"{_EXPECTED}, not a {type(text).__name__}; put it in quotes")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(
            f"it has {len(text)} characters, at most {LONGEST_TEXT} are allowed; split it into `schedules`"
        )
    for place, character in enumerate(text, 1):
        if character != "\t" and not " " <= character <= "~":
            raise InvalidInput(
                f"character {place} is {character!a}; only plain ASCII on one line is allowed; type it anew"
            )
    if not text.strip():
        raise InvalidInput(f'it is empty; {_EXPECTED}; to run it by hand only, write "{MANUAL}"')


def _macro(text: str) -> str:
    if text in MACROS:
        return MACROS[text]
    remedies = {
        "@every": 'write the interval alone, such as "20 minutes"',
        "@reboot": 'there is no boot to run at; write "manual" and ask for a run, or use runAt',
    }
    remedy = remedies.get(text.split()[0].lower(), f"allowed are {', '.join(MACROS)}")
    raise InvalidInput(f"the macro {text.split()[0]} is unknown; {remedy}")


def _interval(text: str) -> timedelta:
    length = re.sub(r"^every\b[ \t]*", "", text)
    if _BARE_UNIT.fullmatch(length):
        length = f"1 {length}"
    step = parse_duration(length, shortest=_SECOND)
    if step % _SECOND:
        raise InvalidInput("an interval is a whole number of seconds; round it")
    return step


def _check_foreign(text: str) -> None:
    """Catches what is no cron at all, before its parts are counted as fields."""
    if re.match(r"(CRON_)?TZ=", text):
        raise InvalidInput("the time zone is a field of its own; remove it here and set `timeZone`")
    if not re.match(r"[0-9*H?R]", text):
        raise InvalidInput(f"it is not understood; {_EXPECTED}")


def _shown(text: object) -> str:
    if not isinstance(text, str):
        return f"{text!r:.40}"
    plain = ascii(text)[1:-1]
    return f'"{plain}"' if len(plain) <= 60 else f'"{plain[:57]}..."'
