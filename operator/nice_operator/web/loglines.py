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
from nice_operator.web.text import visible


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered line. ``cut``: it was too long, the next line of this stream continues it."""

    number: int
    at: datetime
    stream: str
    text: str
    cut: bool = False


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
            yield Line(number, chunk.at, chunk.stream, text, cut and offset == len(texts) - 1)


class Parts:
    """Long lines come in parts; a sequence cut in two is put together again. One per attempt, in order."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}

    def text_of(self, line: Line) -> str:
        """The text of ``line``, after what the part before it left open."""
        text = self._open.pop(line.stream, "") + line.text
        if line.cut:
            self._open[line.stream] = open_sequence(text)
        return text


def formatted(chunks: Iterable[LogChunk]) -> Iterator[str]:
    """Each line with its time (UTC) and stream, without escapes, as a terminal would have left it."""
    parts = Parts()
    for chunk in chunks:
        stamp = chunk.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{chunk.at.microsecond // 1000:03d}Z"
        for line in lines_of(chunk):
            shown = visible(collapse_returns(strip_escapes(parts.text_of(line))))
            yield f"{stamp} {chunk.stream:<6} {shown}\n"


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
