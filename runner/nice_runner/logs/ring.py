"""Lines on disk on their way to where they are kept for good: what outlives an outage, and this process.

One directory for a worker, one *reel* for each attempt: records, one JSON text per line, in files
(*segments*) of about a MiB. Lines are added at the end, read from the front, and a file goes when all of it
has been read. Nothing is synced: it outlives the process, not the machine. A file read again after a crash
repeats what was sent already, which readers put up with.
"""

from __future__ import annotations

import errno
import logging
import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from nice_protocol.messages import LogLines
from nice_runner.logs.spool import Budget

logger = logging.getLogger(__name__)

SEGMENT = 1024 * 1024
"""Bytes after which another file is begun."""

NAME = re.compile(r"(?P<reel>[0-9a-f-]+\.\d+)\.(?P<number>\d+)\.log")

READ = 256 * 1024


class Unusable(Exception):
    """The directory cannot be used; the message says why."""


@dataclass(frozen=True)
class Record:
    """Lines, or something else that was noted; ``end`` is where it ends in its file."""

    end: int
    lines: LogLines | None
    note: dict[str, Any]


@dataclass(frozen=True)
class Stretch:
    """A part of one file, complete and not read before. Reading it waits for the disk."""

    path: Path
    begin: int
    end: int

    def records(self) -> Iterator[Record]:
        """In order. Raises OSError. What is no record of ours is passed over."""
        with self.path.open("rb", buffering=READ) as file:
            file.seek(self.begin)
            place = self.begin
            while place < self.end and (text := file.readline()):
                place += len(text)
                if record := _record(text, place):
                    yield record


@dataclass
class _Segment:
    path: Path
    size: int = 0


class Reel:
    """The records of one attempt. Only ``Stretch.records`` is for other threads."""

    def __init__(self, folder: Path, name: str, stream: str, budget: Budget) -> None:
        self.name = name
        self.stream = stream
        self._folder = folder
        self._budget = budget
        self._segments: deque[_Segment] = deque()
        self._begun = 0
        self._read = 0

    @property
    def waiting(self) -> int:
        """Bytes that were not read."""
        return sum(segment.size for segment in self._segments) - self._read

    def add(self, chunk: LogLines) -> bool:
        """Keep lines. False: no room within the budget. Raises OSError when the disk does not take them."""
        record = orjson.dumps([chunk.first, chunk.lines, chunk.at, chunk.stream, chunk.text, chunk.shown])
        if not self._budget.take(len(record) + 1):
            return False
        try:
            self._append(record + b"\n")
        except OSError:
            self._budget.give_back(len(record) + 1)
            raise
        return True

    def note(self, note: dict[str, Any]) -> None:
        """Keep something short beside the lines, whatever the budget. Raises OSError."""
        record = orjson.dumps(note) + b"\n"
        self._append(record)
        self._budget.hold(len(record))

    def front(self) -> Stretch | None:
        """What to read next; None when all was read."""
        if not self.waiting:
            return None
        first = self._segments[0]
        return Stretch(first.path, self._read, first.size)

    def read_to(self, end: int) -> None:
        """The first file was read so far."""
        self._read = end
        if self._segments and end >= self._segments[0].size:
            self._remove_first()

    def remove(self) -> None:
        """All of it, read or not."""
        while self._segments:
            self._remove_first()

    def resume(self, segments: list[tuple[int, Path, int]]) -> None:
        """Go on with files of an earlier life: number, path and bytes of each."""
        self._segments.extend(_Segment(path, size) for _, path, size in segments)
        self._begun = segments[-1][0]
        self._budget.hold(sum(size for *_, size in segments))

    def _append(self, record: bytes) -> None:
        if not self._segments or self._segments[-1].size >= SEGMENT:
            self._begin()
        segment = self._segments[-1]
        _write(segment.path, record, segment.size)
        segment.size += len(record)

    def _begin(self) -> None:
        path = self._folder / f"{self.name}.{self._begun + 1:06}.log"
        header = orjson.dumps({"log": self.stream}) + b"\n"
        _write(path, header, 0)
        self._begun += 1
        self._segments.append(_Segment(path, len(header)))
        self._budget.hold(len(header))

    def _remove_first(self) -> None:
        segment = self._segments.popleft()
        self._read = 0
        self._budget.give_back(segment.size)
        segment.path.unlink(missing_ok=True)


class Ring:
    """The directory, and the bytes that all reels in it may take together (and a file's worth more)."""

    def __init__(self, folder: Path, limit: int) -> None:
        """Raises Unusable."""
        self.folder = folder
        self._budget = Budget(limit)
        _make_private(folder)

    def reel(self, name: str, stream: str) -> Reel:
        """A new one. Its name is its run and epoch, ``<run>.<epoch>``."""
        return Reel(self.folder, name, stream, self._budget)

    def left(self) -> list[Reel]:
        """Those that an earlier life left behind."""
        files: dict[str, list[tuple[int, Path, int]]] = {}
        for path in sorted(self.folder.iterdir()):
            if match := NAME.fullmatch(path.name):
                files.setdefault(match["reel"], []).append((int(match["number"]), path, path.stat().st_size))
        return [reel for name, segments in files.items() if (reel := self._resumed(name, sorted(segments)))]

    def _resumed(self, name: str, segments: list[tuple[int, Path, int]]) -> Reel | None:
        notes = (r.note for _, path, size in segments for r in Stretch(path, 0, min(size, READ)).records())
        stream = next((note["log"] for note in notes if isinstance(note.get("log"), str)), None)
        if stream is None:
            logger.warning(
                "no log can be made of %s; removed", ", ".join(str(path) for _, path, _ in segments)
            )
            for _, path, _ in segments:
                path.unlink(missing_ok=True)
            return None
        reel = self.reel(name, stream)
        reel.resume(segments)
        return reel


def _record(text: bytes, end: int) -> Record | None:
    """None for what a crash or a disk left of one."""
    try:
        said = orjson.loads(text)
        if isinstance(said, dict):
            return Record(end, None, said)
        first, lines, at, stream, words, shown = said
        return Record(end, LogLines(first, lines, at, stream, words, shown), {})
    except (ValueError, TypeError):
        logger.warning("a record of %d bytes cannot be read; its lines are missing from the log", len(text))
        return None


def _write(path: Path, record: bytes, place: int) -> None:
    """At the end of a file, wholly or not at all."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        written = os.pwrite(descriptor, record, place)
        if written != len(record):
            os.ftruncate(descriptor, place)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    finally:
        os.close(descriptor)


def _make_private(folder: Path) -> None:
    """A folder of ours alone: in /tmp anybody may have made one of that name."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = folder.lstat()
        if not folder.is_dir() or folder.is_symlink() or facts.st_uid != os.geteuid():
            raise Unusable(f"{folder}: expected a folder of user {os.geteuid()}, found one of {facts.st_uid}")
        folder.chmod(0o700)
    except OSError as error:
        raise Unusable(f"{folder}: expected a folder that can be made and written, found: {error}") from error
