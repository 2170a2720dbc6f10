"""Bytes of one stream to pieces of text: whole lines, and long lines cut, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_PIECE = 64 * 1024
"""Bytes after which a line is cut; the rest follows as a line number of its own."""

MAX_FEED = 64 * 1024
"""The most bytes given to one ``feed``, so that a piece of text stays within MAX_PIECE + MAX_FEED."""

NUL = "\x00"
VISIBLE_NUL = "␀"
"""What stands for NUL, which SQL texts and terminals treat in surprising ways."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of ``lines`` line numbers. It ends with a newline unless its last line goes on."""

    text: str
    lines: int


class Splitter:
    """Bytes in, pieces out. Invalid UTF-8 becomes replacement characters, never an error."""

    def __init__(self) -> None:
        self._rest = b""
        self._waited = False

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take bytes and give what is complete."""
        first, newline, others = data.partition(b"\n")
        self._rest += first
        yield from self._cut_long_line()
        if not newline:
            return
        self._waited = False
        end = others.rfind(b"\n") + 1
        yield _whole_lines(self._rest + newline + others[:end])
        self._rest = others[end:]

    def flush(self) -> Iterator[Piece]:
        """Give a line as far as it came if it was unfinished at the last flush already; a character that
        is not whole yet waits."""
        if not self._waited:
            self._waited = bool(self._rest)
            return
        self._waited = False
        cut = _character_boundary(self._rest, len(self._rest))
        if cut:
            yield Piece(_decode(self._rest[:cut]), 1)
            self._rest = self._rest[cut:]

    def end(self) -> Iterator[Piece]:
        """The stream is over: give the rest."""
        if self._rest:
            yield Piece(_decode(self._rest), 1)
            self._rest = b""

    def _cut_long_line(self) -> Iterator[Piece]:
        while len(self._rest) > MAX_PIECE:
            cut = _character_boundary(self._rest, MAX_PIECE)
            yield Piece(_decode(self._rest[:cut]), 1)
            self._rest = self._rest[cut:]


def _whole_lines(data: bytes) -> Piece:
    return Piece(_decode(data), data.count(b"\n"))


def _decode(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    return text.replace(NUL, VISIBLE_NUL) if NUL in text else text


def _character_boundary(data: bytes, end: int) -> int:
    """The last place at or before ``end`` that is not inside a UTF-8 character."""
    for back in range(1, min(4, end + 1)):
        byte = data[end - back]
        if byte < 0x80:
            return end
        if byte >= 0xC0:
            whole = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return end if back >= whole else end - back
    return end
