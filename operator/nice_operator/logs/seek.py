"""Where to begin to read in a long stream. CloudWatch knows no numbers of lines, only times; but both rise
together, so a line is found by halving the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nice_operator.logs.events import line_of

FROM_LINE = 10_000
"""Lines before it are read from the beginning of the stream: they are in its first page."""
NEAR = 5_000
"""As many lines too early are near enough."""
HALVINGS = 24
"""Of four hours, in milliseconds."""
PROBE = 20
"""Events that one look fetches: the end of a log and events of others are no lines."""


@dataclass(frozen=True, slots=True)
class Event:
    """``at`` is its timestamp, in milliseconds since 1970."""

    at: int
    message: str


class Probe(Protocol):
    """The first events of a stream at or after ``start``, or its last ones."""

    def __call__(self, start: int | None, *, from_head: bool, limit: int) -> Sequence[Event]: ...


def start_of(look: Probe, line: int) -> int | None:
    """A time from which ``line`` and all after it can be read; None: from the beginning."""
    low, high = (
        _first(look(None, from_head=True, limit=PROBE)),
        _first(look(None, from_head=False, limit=PROBE)),
    )
    if low is None or high is None:
        return None
    if high[1] <= line:
        return high[0]
    early, late = low[0], high[0]
    for _ in range(HALVINGS):
        middle = (early + late) // 2
        found = _first(look(middle, from_head=True, limit=PROBE)) if middle > early else None
        if found is None:
            break
        early, late = (middle, late) if found[1] <= line else (early, middle)
        if 0 <= line - found[1] <= NEAR:
            break
    return early


def _first(events: Sequence[Event]) -> tuple[int, int] | None:
    """Time and number of the first line among them."""
    for event in events:
        line = line_of(event.message)
        if line is not None:
            return event.at, line.number
    return None
