"""The log of one attempt: one sequence of line numbers over its streams, its limit, and its gaps."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from nice_protocol.messages import LogEnd, LogLines
from nice_runner.logs.gaps import Gaps
from nice_runner.logs.serializer import OpenHelper, Serializer
from nice_runner.logs.splitter import MAX_FEED, Piece, Splitter
from nice_runner.logs.spool import Spool
from nice_runner.masking.mask import NO_SECRETS, Mask, mask_shown

STREAMS = ("stdout", "stderr")

NOT_OURS = "the worker was told that the run is its own no longer"


class Archive(Protocol):
    """Where the lines of one attempt are kept for good, if not by the operator: ``cloudwatch.StreamLog``.

    It never waits and never raises. What it cannot keep is ``missing``; ``trouble`` says why in words, and
    whoever reads the log hears of it by ``complain``.
    """

    trouble: str
    complain: Callable[[str], None]

    @property
    def missing(self) -> Gaps: ...

    def take(self, chunk: LogLines) -> None: ...

    def end(self, end: LogEnd) -> None: ...


class AttemptLog:
    """Numbers the lines of an attempt, spools them for the operator and gives them to the archive, or counts
    what could not be kept.

    ``limit`` is how many characters of one attempt are kept. With ``open_helper`` the lines get the texts of
    the task's own ``serialize_log_event`` on their way to the spool; ``changed`` is called when some arrive.
    ``mask`` takes out what is secret, before anything is cut into lines.
    """

    def __init__(
        self,
        spool: Spool,
        limit: int,
        open_helper: OpenHelper | None = None,
        changed: Callable[[], None] = lambda: None,
        archive: Archive | None = None,
        mask: Mask = NO_SECRETS,
    ) -> None:
        self.spool = spool
        self.mask = mask
        self._masks = {stream: mask.stream() for stream in STREAMS}
        self._changed = changed
        self._archive = archive
        if archive is not None:
            archive.complain = self._complain
        self._serializer = Serializer(open_helper, self._deliver, self.say) if open_helper else None
        self._splitters = {stream: Splitter() for stream in STREAMS}
        self._room = limit
        self._limit = limit
        self._lines = 0
        self._dropped = Gaps()
        self._unspooled = Gaps()
        self._full = False

    def write(self, stream: str, data: bytes) -> None:
        """Bytes that the run wrote, at most splitter.MAX_FEED of them."""
        self._split(stream, self._masks[stream].feed(data))

    def say(self, text: str) -> None:
        """A line of our own, in the system stream."""
        self._keep("system", Piece(self.mask.text(text) + "\n", 1))

    def flush(self) -> None:
        """Show lines that stay unfinished as far as they came (a progress bar has no newline)."""
        for stream, splitter in self._splitters.items():
            self._add(stream, splitter.flush())

    def finish(self, done: Callable[[], None]) -> None:
        """Nothing more is written; ``done`` is called when all lines are in the spool."""
        self._end_streams()
        if self._serializer is None:
            done()
        else:
            self._serializer.finish(done)

    def forget(self) -> None:
        """The operator wants it no more."""
        if self._serializer is not None:
            self._serializer.close()
        self.spool.forget()
        if self._archive is not None:
            self._archive.end(LogEnd(self._lines, complete=False, why=NOT_OURS))

    def end(self) -> LogEnd:
        """Nothing more comes. A line is missing when neither operator nor archive will have it."""
        self._end_streams()
        missing, why = self._unspooled, ""
        if self._archive is not None:
            missing, why = missing.common(self._archive.missing), self._archive.trouble
        missing = missing.also(self._dropped)
        end = LogEnd(self._lines, not missing, missing.ranges(), why[:1000])
        if self._archive is not None:
            self._archive.end(end)
        return end

    def _end_streams(self) -> None:
        for stream, splitter in self._splitters.items():
            self._split(stream, self._masks[stream].end())
            self._add(stream, splitter.end())

    def _split(self, stream: str, data: bytes) -> None:
        """What was held back makes it more than one feed."""
        for start in range(0, len(data), MAX_FEED):
            self._add(stream, self._splitters[stream].feed(data[start : start + MAX_FEED]))

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
        chunk = LogLines(self._lines + 1, piece.lines, now, stream, piece.text)
        self._lines += piece.lines
        if self._serializer is None:
            self._shelve(chunk)
        else:
            self._serializer.take(chunk)

    def _complain(self, words: str) -> None:
        self.say(words)
        self._changed()

    def _deliver(self, chunk: LogLines) -> None:
        shown = chunk.shown
        self._shelve(replace(chunk, shown=mask_shown(self.mask, shown)) if shown else chunk)
        self._changed()

    def _shelve(self, chunk: LogLines) -> None:
        if not self.spool.put(chunk):
            self._unspooled.add(chunk.first, chunk.first + chunk.lines - 1)
        if self._archive is not None:
            self._archive.take(chunk)

    def _drop(self, piece: Piece) -> None:
        first = self._lines + 1
        self._lines += piece.lines
        self._dropped.add(first, self._lines)
