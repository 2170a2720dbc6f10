"""The log of one attempt: one sequence of line numbers over its streams, its limit, and its gaps."""

from __future__ import annotations

import time
from collections.abc import Iterable

from nice_protocol.messages import LogEnd, LogLines
from nice_runner.logs.splitter import Piece, Splitter
from nice_runner.logs.spool import Spool

STREAMS = ("stdout", "stderr")


class AttemptLog:
    """Numbers the lines of an attempt and spools them, or counts what could not be kept.

    ``limit`` is how many characters of one attempt are kept.
    """

    def __init__(self, spool: Spool, limit: int) -> None:
        self.spool = spool
        self._splitters = {stream: Splitter() for stream in STREAMS}
        self._room = limit
        self._limit = limit
        self._lines = 0
        self._gaps: list[list[int]] = []
        self._full = False

    def write(self, stream: str, data: bytes) -> None:
        """Bytes that the run wrote, at most splitter.MAX_FEED of them."""
        self._add(stream, self._splitters[stream].feed(data))

    def say(self, text: str) -> None:
        """A line of our own, in the system stream."""
        self._keep("system", Piece(text + "\n", 1))

    def flush(self) -> None:
        """Show lines that stay unfinished as far as they came (a progress bar has no newline)."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.flush())

    def end(self) -> LogEnd:
        """Nothing more comes."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.end())
        return LogEnd(self._lines, not self._gaps, [list(gap) for gap in self._gaps])

    def _add(self, stream: str, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if self._fits(piece):
                self._keep(stream, piece)
            else:
                self._drop(piece)

    def _fits(self, piece: Piece) -> bool:
        self._room -= len(piece.text)
        if self._room < 0 and not self._full:
            self._full = True
            self.say(f"the log has reached its limit of {self._limit} characters; what follows is not kept")
        return not self._full

    def _keep(self, stream: str, piece: Piece) -> None:
        now = time.time_ns() // 1000
        if self.spool.put(LogLines(self._lines + 1, piece.lines, now, stream, piece.text)):
            self._lines += piece.lines
        else:
            self._drop(piece)

    def _drop(self, piece: Piece) -> None:
        first, last = self._lines + 1, self._lines + piece.lines
        self._lines = last
        if self._gaps and self._gaps[-1][1] == first - 1:
            self._gaps[-1][1] = last
        else:
            self._gaps.append([first, last])
