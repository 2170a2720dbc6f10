"""Chunks of a log as lines: plain for the formatted download, styled for the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from nice_operator.ports import LogChunk
from nice_operator.web.ansi import (
    PLAIN,
    Segment,
    Style,
    collapse_returns,
    open_sequence,
    parse,
    strip_escapes,
)
from nice_operator.web.logformat import Reader
from nice_operator.web.text import visible

INDENT = "\n" + " " * 32
"""Further lines of a text that the task made of one line: under its beginning."""


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered line. ``cut``: it was too long, the next line of this stream continues it. ``shown``: the
    task's own text for it."""

    number: int
    at: datetime
    stream: str
    text: str
    cut: bool = False
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class StyledLine:
    """A line as the page shows it."""

    line: Line
    segments: tuple[Segment, ...]


def lines_of(chunk: LogChunk, after: int = 0) -> Iterator[Line]:
    """The lines of ``chunk`` whose number is greater than ``after``."""
    cut = not chunk.text.endswith("\n")
    texts = (chunk.text if cut else chunk.text[:-1]).split("\n")
    for offset, text in enumerate(texts):
        number = chunk.first + offset
        if number > after:
            shown = chunk.shown[offset] if chunk.shown is not None else None
            yield Line(number, chunk.at, chunk.stream, text, cut and offset == len(texts) - 1, shown)


class Parts:
    """Long lines come in parts; a sequence cut in two is put together again. One per attempt, in order."""

    def __init__(self, read: Reader = str) -> None:
        self._read = read
        self._open: dict[str, str] = {}

    def text_of(self, line: Line) -> str:
        """What is read in place of ``line``; of a part, its text after what the part before it left open."""
        if line.shown is not None:
            return line.shown
        text = self._open.pop(line.stream, "") + line.text
        if line.cut:
            self._open[line.stream] = open_sequence(text)
        return text if line.stream == "system" else self._read(text)


def formatted(chunks: Iterable[LogChunk], parts: Parts | None = None) -> Iterator[str]:
    """Each line with its time (UTC) and stream, without escapes, as a terminal would have left it."""
    parts = parts or Parts()
    for chunk in chunks:
        stamp = chunk.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{chunk.at.microsecond // 1000:03d}Z"
        for line in lines_of(chunk):
            shown = visible(collapse_returns(strip_escapes(parts.text_of(line))))
            yield f"{stamp} {chunk.stream:<6} {shown.replace(chr(10), INDENT)}\n"


@dataclass(slots=True)
class Styler:
    """Gives lines their styles. A colour lasts until its stream ends it, as on a terminal."""

    styles: dict[str, Style] = field(default_factory=dict)
    parts: Parts = field(default_factory=Parts)

    def style(self, line: Line) -> StyledLine:
        """``line`` in segments, ready to become text nodes."""
        shown = collapse_returns(self.parts.text_of(line))
        segments, end = parse(shown, self.styles.get(line.stream, PLAIN))
        self.styles[line.stream] = end
        return StyledLine(line, tuple(Segment(visible(s.text), s.style) for s in segments))
