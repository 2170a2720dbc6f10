"""Chunks of a log as lines: plain for the formatted download, styled for the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from nice_operator.ports import LogChunk
from nice_operator.web.ansi import PLAIN, Segment, Style, collapse_returns, parse, strip_escapes
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


def formatted(chunks: Iterable[LogChunk]) -> Iterator[str]:
    """Each line with its time (UTC) and stream, without escapes, as a terminal would have left it."""
    for chunk in chunks:
        stamp = chunk.at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{chunk.at.microsecond // 1000:03d}Z"
        for line in lines_of(chunk):
            shown = visible(collapse_returns(strip_escapes(line.text)))
            yield f"{stamp} {chunk.stream:<6} {shown}\n"


@dataclass(slots=True)
class Styler:
    """Gives lines their styles. A colour lasts until its stream ends it, as on a terminal."""

    styles: dict[str, Style] = field(default_factory=dict)

    def style(self, line: Line) -> StyledLine:
        """``line`` in segments, ready to become text nodes."""
        shown = collapse_returns(line.text)
        segments, end = parse(shown, self.styles.get(line.stream, PLAIN))
        self.styles[line.stream] = end
        return StyledLine(line, tuple(Segment(visible(s.text), s.style) for s in segments))
