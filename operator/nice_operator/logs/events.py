"""Events of CloudWatch back to numbered lines. The form of a message is the worker's: see docs/logs.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from nice_operator.ports import LogChunk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or one part of it. ``chunk`` is the number of the first line of its chunk."""

    number: int
    part: int
    chunk: int
    at: int
    stream: str
    text: str
    goes_on: bool
    more: bool
    shown: str | None


@dataclass(frozen=True, slots=True)
class End:
    """How a stored log ends. ``lines``: the number of its last line. ``gaps``: lines (first, last) that the
    stream lacks and others may have. ``cut``: the worker was killed and brought what it found later, so that
    more may be missing. ``readable``: the highest number of a line that was read with the end, 0 without
    one."""

    lines: int
    gaps: tuple[tuple[int, int], ...] = ()
    cut: bool = False
    readable: int = 0


def line_of(message: str) -> Line | None:
    """None for a message that is none of ours."""
    try:
        said: Any = json.loads(message)
        shown = said.get("shown")
        return Line(
            number=int(said["n"]),
            part=int(said.get("p", 0)),
            chunk=int(said["c"]),
            at=int(said["at"]),
            stream=str(said["s"]),
            text=str(said["t"]),
            goes_on=bool(said.get("open", False)),
            more=bool(said.get("more", False)),
            shown=None if shown is None else str(shown),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def end_of(messages: Sequence[str]) -> End | None:
    """What the last events of a stream say of its end; None when they do not."""
    said = [end for end in map(_said_end, messages) if end is not None]
    if not said:
        return None
    readable = max((line.number for line in map(line_of, messages) if line is not None), default=0)
    return replace(said[-1], readable=readable)


def _said_end(message: str) -> End | None:
    """An object with ``end`` and without ``n``: no line that a run writes can look like it."""
    try:
        said: Any = json.loads(message)
        if "n" in said:
            return None
        gaps = tuple((int(first), int(last)) for first, last in said.get("gaps", ()))
        return End(int(said["end"]), gaps, bool(said.get("cut", False)))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def whole_lines(parts: Iterable[Line]) -> Iterator[Line]:
    """Lines in the order of their numbers, each once, their parts joined. A line whose last part is missing
    is left out: it has not arrived yet."""
    known = {(line.number, line.part): line for line in parts}
    waiting: list[Line] = []
    for _, line in sorted(known.items()):
        if line.part == 0:
            waiting = []
        if line.part == len(waiting):
            waiting.append(line)
            if not line.more:
                yield _joined(waiting)
                waiting = []


def chunks_of(lines: Iterable[Line]) -> Iterator[LogChunk]:
    """Lines as chunks: those of one chunk of the worker that follow each other are one again."""
    together: list[Line] = []
    for line in lines:
        if together and not (line.chunk == together[0].chunk and line.number == together[-1].number + 1):
            yield _chunk(together)
            together = []
        together.append(line)
    if together:
        yield _chunk(together)


def _joined(parts: list[Line]) -> Line:
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    shown = None if first.shown is None else "".join(part.shown or "" for part in parts)
    return Line(
        first.number,
        0,
        first.chunk,
        first.at,
        first.stream,
        "".join(part.text for part in parts),
        first.goes_on,
        False,
        shown,
    )


def _chunk(lines: list[Line]) -> LogChunk:
    text = "".join(line.text + ("" if line.goes_on else "\n") for line in lines)
    shown = tuple(line.shown or "" for line in lines) if lines[0].shown is not None else None
    at = EPOCH + timedelta(microseconds=lines[0].at)
    return LogChunk(lines[0].number, len(lines), at, lines[0].stream, text, shown)
