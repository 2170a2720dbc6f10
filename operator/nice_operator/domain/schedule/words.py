"""A schedule in plain English, for lists and pages: "At 02:00, Monday to Friday"."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.schedule.cron import Cron
from nice_operator.domain.schedule.grammar import Every, Manual, parse_schedule
from nice_operator.domain.timeout import format_duration

_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_MOST_TIMES = 6
_SPAN = re.compile(r"(?:\*|(?P<first>[0-9]+)-(?P<last>[0-9]+))(?:/(?P<step>[0-9]+))?")


def describe(text: str, time_zone: str = "", hash_key: str = "") -> str:
    """``text`` in words; where it names times of day and ``time_zone`` is given, the zone in brackets.

    ``hash_key`` resolves ``H``. Text that is no schedule is returned as it is: this is for showing, never for
    judging.
    """
    try:
        schedule = parse_schedule(text, hash_key)
    except InvalidInput:
        return text
    match schedule:
        case Manual():
            return "Manual"
        case Every(step):
            return _every(format_duration(step))
        case Cron():
            zone = f" ({time_zone})" if time_zone and schedule.plain.split()[1] != "*" else ""
            return _cron(schedule.plain.split()) + zone


def _every(length: str) -> str:
    number, _, unit = length.partition(" ")
    return f"Every {unit}" if number == "1" and " " not in unit else f"Every {length}"


def _cron(fields: Sequence[str]) -> str:
    minute, hour, day, month, weekday = fields
    when = _at_times(minute, hour) or _every_hours(minute, hour) or _minutes(minute, hour) + _within(hour)
    parts = [when, _days(day, weekday), f"in {_list(month, 'month', _month)}" if month != "*" else ""]
    if when.startswith("At ") and hour != "*" and not any(parts[1:]):
        parts.append("every day")
    return ", ".join(part for part in parts if part)


def _at_times(minute: str, hour: str) -> str:
    """One minute of a few named hours: times of day."""
    hours = hour.split(",")
    if not minute.isdigit() or len(hours) > _MOST_TIMES or not all(h.isdigit() for h in hours):
        return ""
    return "At " + _joined([_clock(h, minute) for h in hours])


def _every_hours(minute: str, hour: str) -> str:
    """One minute of evenly spaced hours."""
    match = _SPAN.fullmatch(hour)
    if not minute.isdigit() or match is None:
        return ""
    step = int(match["step"] or 1)
    every = "Every hour" if step == 1 else f"Every {step} hours"
    if match["first"]:
        return f"{every} from {_clock(match['first'], minute)} to {_clock(match['last'], minute)}"
    if 24 % step:
        return f"{every} from {_clock('0', minute)}"
    return every if minute == "0" else f"{every} at minute {minute}"


def _minutes(minute: str, hour: str) -> str:
    match = _SPAN.fullmatch(minute)
    if match is None or (match["first"] and not match["step"]):
        return f"At minutes {_list(minute, 'minute')}" + (" of every hour" if hour == "*" else "")
    step, first, last = int(match["step"] or 1), match["first"] or "0", match["last"] or "59"
    every = "Every minute" if step == 1 else f"Every {step} minutes"
    if last != "59":
        return f"{every} from minute {first} to {last}" + (" of every hour" if hour == "*" else "")
    # Each hour starts anew, which "every 7 minutes" alone would hide.
    return f"{every} from minute {first}" if first != "0" or 60 % step else every


def _within(hour: str) -> str:
    """The hours in which some minutes count."""
    match = _SPAN.fullmatch(hour)
    if hour == "*":
        return ""
    if hour.isdigit():
        return f" from {_clock(hour, '0')} to {_clock(hour, '59')}"
    if match and not match["step"]:
        return f" from {_clock(match['first'], '0')} to {_clock(match['last'], '59')}"
    return f" in the hours {_list(hour, 'hour')}"


def _days(day: str, weekday: str) -> str:
    on_days = f"on {_day_numbers(day)} of the month" if day != "*" else ""
    on_weekdays = _list(weekday, "weekday", _weekday) if weekday != "*" else ""
    if on_days and on_weekdays:
        return f"{on_days} and on {on_weekdays}"
    return on_days or on_weekdays


def _day_numbers(day: str) -> str:
    lead = "" if "/" in day else "day " if day.isdigit() else "days "
    return lead + _list(day, "day")


def _list(field: str, unit: str, name: Callable[[str], str] = str) -> str:
    return _joined([_item(item, unit, name) for item in field.split(",")])


def _item(item: str, unit: str, name: Callable[[str], str]) -> str:
    match = _SPAN.fullmatch(item)
    if match is None:
        return name(item)
    steps = f"every {_ordinal(int(match['step']))} {unit}" if match["step"] else ""
    reach = f"{name(match['first'])} to {name(match['last'])}" if match["first"] else ""
    return f"{steps} from {reach}" if steps and reach else steps or reach


def _joined(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _clock(hour: str, minute: str) -> str:
    return f"{int(hour):02}:{int(minute):02}"


def _weekday(number: str) -> str:
    return _WEEKDAYS[int(number)]


def _month(number: str) -> str:
    return _MONTHS[int(number) - 1]


def _ordinal(number: int) -> str:
    suffix = "th" if number in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"
