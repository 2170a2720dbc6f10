"""Logs of attempts in CloudWatch, read by the numbers of their lines."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.logs.client import CloudWatchClient
from nice_operator.logs.events import End, Line, chunks_of, end_of, line_of, whole_lines
from nice_operator.logs.place import Locate, Place, prefix_of
from nice_operator.logs.seek import FROM_LINE, Event, start_of
from nice_operator.ports import LogChunk, RunLogs

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 8

POSITIONS = 256
"""How many readers' places are remembered."""

ANSWER_SECONDS = 6.0
"""However CloudWatch fails, whoever reads is answered within so long."""

DELETE_SECONDS = 120.0
"""For one batch, at the pace that CloudWatch allows."""

TAIL = 100
"""Events in which the end of a log is looked for: it is the last one, unless it was sent twice."""

TAIL_PAGES = 3
"""Pages that may be empty before the one that has them."""


@dataclass(frozen=True, slots=True)
class _Position:
    """Where to go on: the page after ``token`` of the events from ``start`` on, behind parts of a line that
    is not whole yet."""

    token: str | None
    begun: tuple[Line, ...] = ()
    start: int | None = None


class CloudWatchLogStore:
    """The reading side of ``ports.LogStore``; the workers write.

    A page of CloudWatch (at most 1 MiB) is read as a whole, so ``max_bytes`` is exceeded by up to
    that. Pages may be empty; the end is where the token of the next page is the token that was given.
    """

    def __init__(self, group: str, region: str, endpoint: str, locate: Locate) -> None:
        self._locate = locate
        self._client = CloudWatchClient(Place(group, region, endpoint), THREADS)
        self._threads = ThreadPoolExecutor(THREADS, "cloudwatch")
        self._positions: OrderedDict[tuple[RunId, int, int], _Position] = OrderedDict()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        """Nothing: what a worker sends here is in CloudWatch before, by its own hand."""

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """In order, from the line after ``after``. Raises Unavailable."""
        prefix = await self._locate(run_id)
        if prefix is None:
            return ()
        key = (run_id, attempt, after)
        begin = self._positions.get(key, _Position(None))
        work = (f"{prefix}/{attempt}", begin, after, max_bytes)
        found, place = await self._in_thread(ANSWER_SECONDS, self._read, *work)
        if begin.token is not None and not found and place is None:
            again = (work[0], _Position(None), after, max_bytes)
            found, place = await self._in_thread(ANSWER_SECONDS, self._read, *again)
        if place is not None:
            self._remember((run_id, attempt, found[-1].last if found else after), place)
        return found or ()

    async def end(self, namespace: str, task: str, run_id: RunId, attempt: int) -> End | None:
        """How the stored log of an attempt ends; None when its end is not there (yet). Raises Unavailable."""
        stream = f"{prefix_of(namespace, task, run_id)}/{attempt}"
        return await self._in_thread(ANSWER_SECONDS, self._end, stream)

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        """The streams of all their attempts. Raises Unavailable."""
        streams = [
            f"{prefix_of(run.namespace, run.task, run.run_id)}/{number}"
            for run in runs
            for number in range(1, run.attempts + 1)
        ]
        await self._in_thread(DELETE_SECONDS, self._delete, streams)

    def _remember(self, key: tuple[RunId, int, int], place: _Position) -> None:
        self._positions[key] = place
        self._positions.move_to_end(key)
        if len(self._positions) > POSITIONS:
            self._positions.popitem(last=False)

    async def _in_thread(self, within: float, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Waiting for a thread counts: those that hang must not make others hang."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within):
                return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))
        except TimeoutError as error:
            text = f"CloudWatch has not answered within {within:g} s; it will be asked again"
            raise Unavailable(text) from error

    # ------------------------------------------------------------ in a thread

    def _read(
        self, stream: str, begin: _Position, after: int, max_bytes: int
    ) -> tuple[list[LogChunk], _Position | None]:
        """Chunks, and where to go on; no place when the stream or the token is unknown to CloudWatch."""
        parts, token, size = list(begin.begun), begin.token, 0
        start = self._start(stream, after) if token is None and after >= FROM_LINE else begin.start
        while size < max_bytes:
            page = self._client.page(stream, token, from_head=True, start=start)
            if page is None:
                return [], None
            fresh = [line for line in map(line_of, page.messages) if line is not None and line.number > after]
            parts += fresh
            size += sum(len(line.text) for line in fresh) + len(fresh)
            over, token = page.forward == token, page.forward
            if over:
                break
        lines = list(whole_lines(parts))
        seen = lines[-1].number if lines else after
        begun = tuple(part for part in parts if part.number > seen)
        return list(chunks_of(lines)), _Position(token, begun, start)

    def _start(self, stream: str, after: int) -> int | None:
        def look(start: int | None, *, from_head: bool, limit: int) -> Sequence[Event]:
            page = self._client.page(stream, None, from_head=from_head, limit=limit, start=start)
            return page.events if page else ()

        return start_of(look, after + 1)

    def _end(self, stream: str) -> End | None:
        token: str | None = None
        for _ in range(TAIL_PAGES):
            page = self._client.page(stream, token, from_head=False, limit=TAIL)
            if page is None or page.backward == token:
                return None
            if page.messages:
                return end_of(page.messages)
            token = page.backward
        return None

    def _delete(self, streams: Sequence[str]) -> None:
        for stream in streams:
            self._client.delete(stream)
