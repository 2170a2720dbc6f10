"""Chunks cut to the lines that are wanted of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from nice_operator.ports import LogChunk


def cut(chunks: Sequence[LogChunk], after: int, before: int | None = None) -> list[LogChunk]:
    """Their lines with numbers greater than ``after`` and less than ``before``."""
    return list(_cut(chunks, after, before))


def unbroken(chunks: Sequence[LogChunk]) -> list[LogChunk]:
    """As far as no number is missing between them, and no line twice."""
    found: list[LogChunk] = []
    for chunk in chunks:
        if found and chunk.first > found[-1].last + 1:
            break
        found += _cut([chunk], found[-1].last if found else 0, None)
    return found


def _cut(chunks: Sequence[LogChunk], after: int, before: int | None) -> Iterator[LogChunk]:
    for chunk in chunks:
        first = max(chunk.first, after + 1)
        last = chunk.last if before is None else min(chunk.last, before - 1)
        if first == chunk.first and last == chunk.last:
            yield chunk
        elif first <= last:
            yield _part(chunk, first - chunk.first, last - chunk.first + 1)


def _part(chunk: LogChunk, begin: int, end: int) -> LogChunk:
    """Its lines from index ``begin`` to before ``end``. Only its very last one may be without a newline."""
    lines = chunk.text.split("\n", chunk.lines)[: chunk.lines]
    open_end = end == chunk.lines and not chunk.text.endswith("\n")
    text = "\n".join(lines[begin:end]) + ("" if open_end else "\n")
    shown = None if chunk.shown is None else chunk.shown[begin:end]
    return replace(chunk, first=chunk.first + begin, lines=end - begin, text=text, shown=shown)
