"""``when``: the moment that a job is scheduled for."""

from __future__ import annotations

from datetime import UTC, datetime

from nice_operator.domain.errors import InvalidInput

LONGEST = 64


def parse_when(text: object) -> datetime:
    """ISO 8601, as ``2020-02-02T20:20:20Z``, with or without fractions; without a zone it is UTC.

    Raises InvalidInput for what is no date, or none of the years 1 to 9999.
    """
    if not isinstance(text, str):
        raise _refusal(repr(text))
    try:
        if len(text) > LONGEST:
            raise ValueError
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _refusal(repr(text)) from None


def _refusal(found: str) -> InvalidInput:
    return InvalidInput(
        f"when: expected a moment such as 2020-02-02T20:20:20Z (ISO 8601, years 1 to 9999), found {found:.80}"
    )
