"""What people read in place of a log line: the task's own text for it, or a JSON line put into words.

``{"level": "info", "time": 1700000000000, "msg": "sent", "to": 3}`` becomes
``INFO 2023-11-14T22:13:20.000Z sent to=3``. A line that is no JSON object is shown as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from nice_operator.domain.run import JsonObject
from nice_operator.domain.task import LogFormat

Reader = Callable[[str], str]
"""From a line to what is read in its place."""

LEVEL_KEYS = ("level", "severity", "levelname", "lvl")
TIME_KEYS = ("time", "timestamp", "@timestamp", "ts", "asctime")
MESSAGE_KEYS = ("message", "msg", "event")

NUMBERED_LEVELS = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
"""As bunyan and pino write them."""

SECONDS_BELOW = 100_000_000_000
"""A number of seconds since 1970 is below it until the year 5138; a larger one counts milliseconds."""


def reader_of(manifest: JsonObject | None) -> Reader:
    """How the lines of a task with this spec are read."""
    return json_words if (manifest or {}).get("logFormat") == LogFormat.JSON else str


def json_words(line: str) -> str:
    """Level, time and message first, then the other keys in their order; numbers keep their digits."""
    record = _record(line)
    if record is None:
        return line
    level, time, message = (_take(record, keys) for keys in (LEVEL_KEYS, TIME_KEYS, MESSAGE_KEYS))
    first = (_level(level), _time(time), str(message))
    rest = (f"{key}={_value(value)}" for key, value in record.items())
    return " ".join(part for part in (*first, *rest) if part)


class _Number(str):
    """A JSON number as it was written."""


def _record(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(line, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value else None


def _take(record: dict[str, Any], keys: tuple[str, ...]) -> Any:
    for key in keys:
        if isinstance(record.get(key), str):
            return record.pop(key)
    return ""


def _level(value: str) -> str:
    if isinstance(value, _Number):
        return NUMBERED_LEVELS.get(_whole(value), str(value))
    return value.upper()


def _time(value: str) -> str:
    if not isinstance(value, _Number):
        return value
    try:
        number = float(value)
        seconds = number if abs(number) < SECONDS_BELOW else number / 1000
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return str(value)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _whole(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else -1


def _value(value: Any) -> str:
    """A word as it is, everything else as JSON."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, str) and value and not any(c.isspace() or c in '"={}[]' for c in value):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """JSON text again; ``json.dumps`` would quote the numbers."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key, ensure_ascii=False)}: {_json(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
