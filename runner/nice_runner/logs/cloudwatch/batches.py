"""Events to batches that PutLogEvents takes. Pure: no clock, no AWS.

The rules (API reference of PutLogEvents, ``logs/2014-03-28``): at most 1,048,576 bytes, counted as UTF-8
with 26 for each event; at most 10,000 events; in the order of their timestamps, or the whole call fails; at
most 24 hours from first to last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nice_runner.logs.cloudwatch.events import Event

MAX_BYTES = 1_048_576
MAX_EVENTS = 10_000
MAX_SPAN = 24 * 60 * 60 * 1000 - 1
"""Milliseconds."""


def in_order(events: Iterable[Event], not_before: int = 0) -> Iterator[Event]:
    """The same events with timestamps that never go back, not before ``not_before`` (milliseconds): a clock
    that was set back must not put the lines of a stream out of order. The moment itself is in the message."""
    for event in events:
        not_before = max(not_before, event.timestamp)
        yield event if event.timestamp == not_before else replace(event, timestamp=not_before)


def batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events, all of them and in their order, in batches of at least one."""
    batch: list[Event] = []
    size = 0
    for event in events:
        if batch and not _fits(batch, size, event):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += event.size
    if batch:
        yield batch


def _fits(batch: list[Event], size: int, event: Event) -> bool:
    return (
        len(batch) < MAX_EVENTS
        and size + event.size <= MAX_BYTES
        and 0 <= event.timestamp - batch[0].timestamp <= MAX_SPAN
        and event.timestamp >= batch[-1].timestamp
    )
