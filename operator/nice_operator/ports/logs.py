"""Where the lines that attempts write are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from nice_operator.domain.ids import RunId


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Consecutive lines of one stream, read at one moment.

    ``first`` is the number of the first line (from 1, one sequence per attempt over all streams),
    ``lines`` how many there are. ``text`` joins them with "\\n"; it ends with "\\n" unless its last line
    goes on in the next chunk of the same stream (a line longer than 64 KiB is cut so).
    ``stream`` is stdout, stderr or system. ``shown`` has for each line the text that the formatted view shows
    in its place (the task's own ``serialize_log_event``), None where there is none.
    """

    first: int
    lines: int
    at: datetime
    stream: str
    text: str
    shown: tuple[str, ...] | None = None

    @property
    def last(self) -> int:
        """The number of its last line."""
        return self.first + self.lines - 1


@dataclass(frozen=True, slots=True)
class RunLogs:
    """All logs of one run: those of its attempts 1 to ``attempts``, and the names of the task that they were
    written under."""

    run_id: RunId
    namespace: str
    task: str
    attempts: int


@dataclass(frozen=True, slots=True)
class EndedLog:
    """The log of an attempt that is over and has lines in the database; the last one is ``last``."""

    run_id: RunId
    attempt: int
    namespace: str
    task: str
    last: int


@dataclass(frozen=True, slots=True)
class EndedLogs:
    """Those of the newest runs first. ``next`` is where the following page begins, None at the end."""

    logs: tuple[EndedLog, ...]
    next: RunId | None


class LogStore(Protocol):
    """Logs of attempts. Appending is idempotent by (run, attempt, first)."""

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None: ...

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """Chunks whose last line is greater than ``after``, in order, about ``max_bytes`` of text."""
        ...

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        """All of these; what is not there is deleted already. Raises Unavailable, and then all of it may be
        asked for again."""
        ...


class LiveLogs(LogStore, Protocol):
    """A log store that keeps lines only until they are known to be kept elsewhere."""

    async def ended(self, before: RunId | None, within: timedelta, limit: int) -> EndedLogs:
        """Of up to ``limit`` runs that are older than ``before`` and were made ``within`` so long, the logs
        of those attempts that can have no more lines."""
        ...

    async def drop(self, run_id: RunId, attempt: int, last: int) -> None:
        """Forget the lines of an attempt up to number ``last``: they can be read elsewhere."""
        ...
