"""How values look to a person: times, durations, sizes, JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from nice_operator.domain.run import RunState
from nice_operator.web.text import visible_json

_STATE_WORDS = {RunState.TIMED_OUT: "timed out"}


def state_words(state: RunState) -> str:
    """A state as text beside its icon."""
    return _STATE_WORDS.get(state, state.value)


def iso(at: datetime) -> str:
    """For the ``datetime`` attribute of ``<time>``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def zoned(at: datetime, zone: str = "Etc/UTC") -> str:
    """``2026-11-23 18:42 CET``: in ``zone``, with its name at that moment."""
    local = at.astimezone(ZoneInfo(zone))
    form = "%Y-%m-%d %H:%M" if local.second == 0 else "%Y-%m-%d %H:%M:%S"
    return f"{local.strftime(form)} {_abbreviation(local)}"


def _abbreviation(local: datetime) -> str:
    """The zone's letters; numbers where the zone has none (``-03``) are clearer as an offset from UTC."""
    name = local.tzname() or ""
    return f"UTC{local.strftime('%z')[:3]}:{local.strftime('%z')[3:5]}" if name[:1] in "+-" else name


def clock(at: datetime) -> str:
    """Time of day in UTC with milliseconds, for timelines and logs."""
    moment = at.astimezone(UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def duration(length: timedelta | float | None) -> str:
    """``12 ms``, ``3.4 s``, ``2 min 5 s``, ``1 h 3 min``; never negative, a dash when unknown."""
    if length is None:
        return "–"
    seconds = length.total_seconds() if isinstance(length, timedelta) else length
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600)} h"


def memory(size: int | None) -> str:
    """Bytes in binary units; a dash when unknown."""
    if size is None:
        return "–"
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
MAX_INDENTED_DEPTH = 64


def pretty_json(text: str) -> str:
    """JSON text, indented. It is never read as values: every number keeps its digits, every key its place."""
    lines: list[str] = []
    depth = 0
    before = ""
    for mark in _TOKEN.findall(text):
        depth -= mark in "}]"
        breaks = (before in ("{", "[", ",") and mark not in "}]") or (
            mark in "}]" and before not in ("{", "[")
        )
        if breaks and before:
            lines.append("\n" + "  " * min(depth, MAX_INDENTED_DEPTH))
        lines.append(": " if mark == ":" else mark)
        depth += mark in "{["
        before = mark
    return visible_json("".join(lines))
