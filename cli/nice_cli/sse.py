"""Server-sent events (WHATWG HTML §9.2.6), as a parser that does no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``id`` is the last id seen, which resumes a stream."""

    kind: str
    data: str
    id: str


def events(lines: Iterable[bytes], last_id: str = "") -> Iterator[Event]:
    """The events in ``lines``, which end with a newline each; an unfinished one at the end is dropped."""
    kind, identity = "", last_id
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                yield Event(kind or "message", "\n".join(data), identity)
            kind, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id":
            identity = value
