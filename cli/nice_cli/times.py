"""Moments and durations in the few characters that a table has for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

STEPS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
NONE = "-"


def parse(stamp: str | None) -> datetime | None:
    """A moment as the server writes it."""
    return None if stamp is None else datetime.fromisoformat(stamp)


def span(seconds: float | None) -> str:
    """``350ms``, ``4.2s``, ``3m20s``, ``2h``, ``5d3h``: the two largest units."""
    if seconds is None:
        return NONE
    if seconds < 10:
        return f"{seconds * 1000:.0f}ms" if seconds < 1 else f"{seconds:.1f}s"
    parts, rest = [], int(seconds)
    for size, unit in STEPS:
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])


def age(stamp: str | None, now: datetime | None = None) -> str:
    """How long ago, or ``in 5m``."""
    moment = parse(stamp)
    if moment is None:
        return NONE
    away = (now or datetime.now(UTC)) - moment
    if away < timedelta(0):
        return f"in {_whole(-away)}"
    return f"{_whole(away)} ago"


def local(stamp: str | None) -> str:
    """The moment on the clock of this machine, with its offset."""
    moment = parse(stamp)
    return NONE if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def _whole(away: timedelta) -> str:
    return span(int(away.total_seconds())) if away >= timedelta(seconds=10) else f"{away.seconds}s"
