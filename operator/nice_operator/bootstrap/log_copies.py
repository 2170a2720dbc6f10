"""Copies of log lines on the operator's standard output, for whatever collects the output of programs."""

from __future__ import annotations

import queue
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TextIO

from nice_operator.bootstrap.console import visible
from nice_operator.domain.ids import RunId
from nice_operator.ports import LogChunk, LogStore, RunLogs, RunQueries

WAITING = 10_000
"""Chunks that wait for a slow reader; further ones are not copied, and the next line says how many."""

REMEMBERED = 4096
"""Attempts whose position is remembered, so that a chunk that is sent again is not copied again."""


class Copier:
    """Writes lines from a thread of its own: a reader that stands still holds up nobody but the copies."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._waiting: queue.Queue[tuple[str, LogChunk] | None] = queue.Queue(WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write, name="log-copies", daemon=True)
        self._thread.start()

    def copy(self, prefix: str, chunk: LogChunk) -> None:
        """Queue it. Never waits."""
        try:
            if self._left_out:
                self._waiting.put_nowait((prefix, _words(chunk, self._left_out)))
                self._left_out = 0
            self._waiting.put_nowait((prefix, chunk))
        except queue.Full:
            self._left_out += chunk.lines

    def close(self, timeout: float = 2.0) -> None:
        """Write what waits, for ``timeout`` seconds at most."""
        try:
            self._waiting.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(timeout)

    def _write(self) -> None:
        while (item := self._waiting.get()) is not None:
            prefix, chunk = item
            lines = chunk.text.removesuffix("\n").split("\n")
            try:
                self._out.write("".join(f"{prefix} {visible(line)}\n" for line in lines))
                self._out.flush()
            except (OSError, ValueError):
                return  # nobody reads any more


def _words(chunk: LogChunk, count: int) -> LogChunk:
    text = f"({count} lines were not copied: standard output is not read fast enough)\n"
    return LogChunk(chunk.first, 1, chunk.at, "system", text)


class CopiedLogs:
    """A ``ports.LogStore`` that copies what it stores, each line once, after ``[namespace/task run]``."""

    def __init__(self, logs: LogStore, runs: RunQueries, copier: Copier) -> None:
        self._logs = logs
        self._runs = runs
        self._copier = copier
        self._last: OrderedDict[tuple[RunId, int], int] = OrderedDict()
        self._prefixes: OrderedDict[RunId, str] = OrderedDict()

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        """Store, then copy."""
        await self._logs.append(run_id, attempt, chunks)
        prefix = await self._prefix(run_id)
        for chunk in chunks:
            if self._is_new(run_id, attempt, chunk):
                self._copier.copy(prefix, chunk)

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """As the store does."""
        return await self._logs.read(run_id, attempt, after, max_bytes)

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        """As the store does."""
        await self._logs.delete(runs)

    def _is_new(self, run_id: RunId, attempt: int, chunk: LogChunk) -> bool:
        key = (run_id, attempt)
        before = self._last.pop(key, 0)
        self._last[key] = max(before, chunk.last)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return chunk.last > before

    async def _prefix(self, run_id: RunId) -> str:
        if run_id not in self._prefixes:
            run = await self._runs.get_run(run_id)
            name = f"{run.namespace}/{run.task}" if run else "?"
            self._prefixes[run_id] = f"[{name} {run_id}]"
            if len(self._prefixes) > REMEMBERED:
                self._prefixes.popitem(last=False)
        return self._prefixes[run_id]
