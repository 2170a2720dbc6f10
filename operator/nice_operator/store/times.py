"""Times as the database keeps them: whole microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970 UTC, exactly."""
    return (moment - EPOCH) // MICROSECOND


def maybe_micros(moment: datetime | None) -> int | None:
    """The same, for a time that may be absent."""
    return None if moment is None else to_micros(moment)


def from_micros(micros: int) -> datetime:
    """Microseconds since 1970 UTC as an aware datetime."""
    return EPOCH + timedelta(microseconds=micros)


def maybe_datetime(micros: int | None) -> datetime | None:
    """The same, for a time that may be absent."""
    return None if micros is None else from_micros(micros)


def length(micros: int) -> timedelta:
    """Microseconds as a duration; none is negative."""
    return max(micros, 0) * MICROSECOND


def span(duration: timedelta) -> int:
    """A duration in microseconds."""
    return duration // MICROSECOND
