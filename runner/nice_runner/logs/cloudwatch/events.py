"""Numbered lines to events of CloudWatch, one event per line, long ones in parts.

The message of an event is a JSON object: ``n`` the number of its line, ``c`` the number of the first line
of its chunk, ``at`` Unix time in microseconds, ``s`` the stream, ``t`` the text without its newline.
``open``: the line goes on in the stream's next chunk. ``p``: which part of the line it is, from 0, absent
when it is the only one; ``more``: another part follows. ``shown``: the text that people read in place of the
line. A reader may meet an event twice (an answer was lost, the batch was sent again): (``n``, ``p``) tells.

The last event of a log is its *end*: an object with ``end`` and without ``n``. Whatever a run writes is
inside ``t``, so it can say neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from nice_protocol.messages import LogEnd, LogLines
from nice_runner.logs.gaps import Gaps

EVENT_OVERHEAD = 26
"""Bytes that CloudWatch counts for an event beside its message."""

MAX_EVENT = 256 * 1024
"""Bytes of one event with its overhead: the smaller of the limits that AWS documents (256 KiB and 1 MiB)."""

PART_CHARACTERS = 16 * 1024
"""Characters of text in one part: JSON needs at most six bytes for each, and both texts fit together."""


@dataclass(frozen=True, slots=True)
class Event:
    """``timestamp`` is Unix time in milliseconds; ``line`` is the number of its line."""

    timestamp: int
    message: str
    size: int
    line: int


def events_of(chunk: LogLines) -> Iterator[Event]:
    """The events of a chunk, in order."""
    texts = chunk.text.split("\n")
    ends_whole = texts[-1] == "" and len(texts) > chunk.lines
    for index in range(chunk.lines):
        last = index == chunk.lines - 1
        shown = chunk.shown[index] if chunk.shown is not None else None
        yield from _line(chunk, index, texts[index], shown, last and not ends_whole)


def end_of(end: LogEnd, missing: Gaps, *, at: int, cut: bool = False) -> Event:
    """The end of a log: how many lines it had, those that ``missing`` says are not in this stream, and those
    that nobody has. ``cut``: a later life of the worker wrote it, so more may be missing. ``at``: Unix time
    in milliseconds."""
    said: dict[str, Any] = {"end": end.lines, "gaps": missing.ranges()}
    if end.gaps:
        said["dropped"] = Gaps(end.gaps).ranges()
    if end.why:
        said["why"] = end.why
    if cut:
        said["cut"] = True
    encoded = orjson.dumps(said)
    return Event(at, encoded.decode(), len(encoded) + EVENT_OVERHEAD, end.lines)


def _line(chunk: LogLines, index: int, text: str, shown: str | None, goes_on: bool) -> Iterator[Event]:
    parts = max(1, _parts(text), _parts(shown or ""))
    for part in range(parts):
        message: dict[str, Any] = {
            "n": chunk.first + index,
            "c": chunk.first,
            "at": chunk.at,
            "s": chunk.stream,
            "t": _cut(text, part),
        }
        if goes_on:
            message["open"] = True
        if parts > 1:
            message["p"] = part
        if part < parts - 1:
            message["more"] = True
        if shown is not None:
            message["shown"] = _cut(shown, part)
        yield _event(chunk, chunk.first + index, message)


def _event(chunk: LogLines, line: int, message: dict[str, Any]) -> Event:
    encoded = orjson.dumps(message)
    return Event(chunk.at // 1000, encoded.decode(), len(encoded) + EVENT_OVERHEAD, line)


def _parts(text: str) -> int:
    return -(-len(text) // PART_CHARACTERS)


def _cut(text: str, part: int) -> str:
    return text[part * PART_CHARACTERS : (part + 1) * PART_CHARACTERS]
