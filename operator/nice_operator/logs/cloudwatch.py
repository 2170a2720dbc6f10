"""Logs of attempts in CloudWatch, read by the numbers of their lines."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.logs.events import Line, chunks_of, line_of, whole_lines
from nice_operator.ports import LogChunk

if TYPE_CHECKING:
    from mypy_boto3_logs.client import CloudWatchLogsClient

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4

POSITIONS = 256
"""How many readers' places are remembered."""

TIMEOUT_SECONDS = 10

Locate = Callable[[RunId], Awaitable[str | None]]
"""The prefix ``<namespace>/<task>/<run id>`` of a run's streams, None when the run is not known."""


@dataclass(frozen=True, slots=True)
class _Position:
    """Where to go on: the page after ``token``, behind parts of a line that is not whole yet."""

    token: str | None
    begun: tuple[Line, ...] = ()


class CloudWatchLogStore:
    """The reading side of ``ports.LogStore``; the workers write.

    A page of CloudWatch (at most 1 MiB) is read as a whole, so ``max_bytes`` is exceeded by up to
    that. Pages may be empty; the end is where the token of the next page is the token that was given.
    """

    def __init__(self, group: str, region: str, endpoint: str, locate: Locate) -> None:
        self._group = group
        self._locate = locate
        self._client = _open_client(region, endpoint)
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
        found, place = await self._in_thread(self._read, *work)
        if begin.token is not None and not found and place is None:
            found, place = await self._in_thread(self._read, work[0], _Position(None), after, max_bytes)
        if place is not None:
            self._remember((run_id, attempt, found[-1].last if found else after), place)
        return found or ()

    async def delete(self, runs: Sequence[RunId]) -> None:
        """All attempts of these runs, as far as the names of their streams are known."""
        for run_id in runs:
            prefix = await self._locate(run_id)
            if prefix is not None:
                await self._in_thread(self._delete, prefix)

    def _remember(self, key: tuple[RunId, int, int], place: _Position) -> None:
        self._positions[key] = place
        self._positions.move_to_end(key)
        if len(self._positions) > POSITIONS:
            self._positions.popitem(last=False)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*args, **kwargs))

    # ------------------------------------------------------------ in a thread

    def _read(
        self, stream: str, begin: _Position, after: int, max_bytes: int
    ) -> tuple[list[LogChunk], _Position | None]:
        """Chunks, and where to go on; no place when the stream or the token is unknown to CloudWatch."""
        parts, token, size = list(begin.begun), begin.token, 0
        while size < max_bytes:
            page = self._page(stream, token)
            if page is None:
                return [], None
            messages, following = page
            fresh = [line for line in map(line_of, messages) if line is not None and line.number > after]
            parts += fresh
            size += sum(len(line.text) for line in fresh) + len(fresh)
            over, token = following == token, following
            if over:
                break
        lines = list(whole_lines(parts))
        seen = lines[-1].number if lines else after
        return list(chunks_of(lines)), _Position(token, tuple(part for part in parts if part.number > seen))

    def _page(self, stream: str, token: str | None) -> tuple[list[str], str] | None:
        exceptions = self._client.exceptions
        given = {"nextToken": token} if token else {}
        with _translated():
            try:
                page = self._client.get_log_events(
                    logGroupName=self._group,
                    logStreamName=stream,
                    startFromHead=True,
                    **given,  # type: ignore[arg-type]
                )
            except (exceptions.ResourceNotFoundException, exceptions.InvalidParameterException):
                return None  # no line was ever written there, or the token is older than a day
        return [event["message"] for event in page["events"]], page["nextForwardToken"]

    def _delete(self, prefix: str) -> None:
        exceptions = self._client.exceptions
        with _translated():
            try:
                streams = self._client.describe_log_streams(
                    logGroupName=self._group, logStreamNamePrefix=f"{prefix}/"
                )["logStreams"]
                for stream in streams:
                    self._client.delete_log_stream(
                        logGroupName=self._group, logStreamName=stream["logStreamName"]
                    )
            except exceptions.ResourceNotFoundException:
                return


@contextmanager
def _translated() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(f"CloudWatch did not answer as it should: {error}") from error


def _open_client(region: str, endpoint: str) -> CloudWatchLogsClient:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=TIMEOUT_SECONDS,
        read_timeout=TIMEOUT_SECONDS,
        retries={"total_max_attempts": 3, "mode": "adaptive"},
        max_pool_connections=THREADS,
    )
    session = boto3.session.Session()
    return session.client("logs", region_name=region or None, endpoint_url=endpoint or None, config=config)
