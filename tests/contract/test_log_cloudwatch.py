"""The contract of the log port on CloudWatch (moto's server over HTTP), fed by the worker's own hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import boto3
import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.logs.cloudwatch import CloudWatchLogStore
from nice_operator.ports import LogChunk
from nice_protocol.messages import LogLines
from nice_runner.logs.cloudwatch.batches import batches, in_order
from nice_runner.logs.cloudwatch.client import CloudWatch, Place, stream_name
from nice_runner.logs.cloudwatch.events import events_of
from nice_runner.logs.cloudwatch.trouble import Away
from tests.support.aws import CREDENTIALS, REGION, cloudwatch_server, free_port

GROUP = "/nice/test"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """One for all tests here; each has runs of its own."""
    with cloudwatch_server(free_port()) as url:
        yield url


@dataclass
class Logs:
    """A writer and a reader of one group."""

    writer: CloudWatch
    reader: CloudWatchLogStore

    def write(self, run: RunId, chunks: list[LogChunk], attempt: int = 1) -> None:
        """As a worker does."""
        stream = stream_name("default", "hello", str(run), attempt)
        self.writer.prepare(stream)
        for batch in batches(in_order(event for chunk in chunks for event in events_of(_sent(chunk)))):
            assert not self.writer.put(stream, batch)


@pytest.fixture
async def logs(server: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Logs]:
    """On an empty group."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    reader = CloudWatchLogStore(GROUP, REGION, server, _locate)
    yield Logs(CloudWatch(Place(GROUP, REGION, server)), reader)
    reader.close()


async def test_what_was_written_is_read_in_order(logs: Logs) -> None:
    run = RunId(uuid7())
    chunks = [_chunk(1, "a\nb\n"), _chunk(3, "ü\x1b[31m\n"), _chunk(4, "\n"), _chunk(5, "part")]

    logs.write(run, chunks)

    assert await logs.reader.read(run, 1, 0, 1_000_000) == chunks


async def test_what_was_sent_again_is_read_once(logs: Logs) -> None:
    run, chunks = RunId(uuid7()), [_chunk(1, "a\nb\n"), _chunk(3, "c" * 100_000 + "\n")]

    logs.write(run, chunks)
    logs.write(run, chunks)

    assert await logs.reader.read(run, 1, 0, 1_000_000) == chunks


async def test_reading_goes_on_inside_a_chunk_and_ends_with_nothing(logs: Logs) -> None:
    run = RunId(uuid7())
    logs.write(run, [_chunk(1, "a\nb\n"), _chunk(3, "c\n")])

    found = await logs.reader.read(run, 1, after=1, max_bytes=100)

    assert [(chunk.first, chunk.text) for chunk in found] == [(2, "b\n"), (3, "c\n")]
    assert await logs.reader.read(run, 1, after=3, max_bytes=100) == ()


async def test_a_follower_gets_each_line_once_as_the_lines_come(logs: Logs) -> None:
    run, seen = RunId(uuid7()), list[str]()
    after = 0
    for first in range(1, 8, 2):
        logs.write(run, [_chunk(first, f"{first}\n{first + 1}\n")])
        while chunks := await logs.reader.read(run, 1, after, 1):
            seen += [line for chunk in chunks for line in chunk.text.split()]
            after = chunks[-1].last

    assert seen == [str(number) for number in range(1, 9)]


async def test_a_log_of_many_pages_is_read_whole(logs: Logs) -> None:
    run = RunId(uuid7())
    logs.write(run, [_chunk(1 + 500 * n, f"{n:03} {'x' * 20}\n" * 500) for n in range(50)])

    numbers, after = list[int](), 0
    while chunks := await logs.reader.read(run, 1, after, 64 * 1024):
        numbers += [chunk.first + n for chunk in chunks for n in range(chunk.lines)]
        after = chunks[-1].last

    assert numbers == list(range(1, 25_001))


async def test_what_is_shown_in_place_of_lines_is_kept_beside_them(logs: Logs) -> None:
    run = RunId(uuid7())
    chunk = replace(_chunk(1, "a\nb\n"), shown=('line "a"\n\u2028 é', ""))

    logs.write(run, [chunk, _chunk(3, "c\n")])

    assert [found.shown for found in await logs.reader.read(run, 1, 0, 100)] == [chunk.shown, None]


async def test_attempts_and_runs_have_logs_of_their_own(logs: Logs) -> None:
    one, two = RunId(uuid7()), RunId(uuid7())
    for run, attempt in ((one, 1), (one, 2), (two, 1)):
        logs.write(run, [_chunk(1, f"{attempt}\n")], attempt)

    await logs.reader.delete([one])

    assert await logs.reader.read(one, 1, 0, 100) == ()
    assert await logs.reader.read(one, 2, 0, 100) == ()
    assert len(await logs.reader.read(two, 1, 0, 100)) == 1


async def test_a_group_that_the_worker_makes_forgets_after_thirty_days(logs: Logs, server: str) -> None:
    client = boto3.client("logs", region_name=REGION, endpoint_url=server)

    logs.write(RunId(uuid7()), [_chunk(1, "a\n")])
    client.put_retention_policy(logGroupName=GROUP, retentionInDays=365)
    logs.write(RunId(uuid7()), [_chunk(1, "a\n")])

    (group,) = client.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]
    assert group["retentionInDays"] == 365
    client.close()


async def test_a_cloud_that_is_away_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    nowhere = f"http://127.0.0.1:{free_port()}"
    reader = CloudWatchLogStore(GROUP, REGION, nowhere, _locate)

    with pytest.raises(Unavailable):
        await reader.read(RunId(uuid7()), 1, 0, 100)
    with pytest.raises(Away):
        CloudWatch(Place(GROUP, REGION, nowhere)).prepare("default/hello/1/1")
    reader.close()


async def _locate(run: RunId) -> str:
    return f"default/hello/{run}"


def _chunk(first: int, text: str) -> LogChunk:
    return LogChunk(first, max(text.count("\n"), 1), datetime.now(UTC), "stdout", text)


def _sent(chunk: LogChunk) -> LogLines:
    at = round(chunk.at.timestamp() * 1_000_000)
    shown = None if chunk.shown is None else list(chunk.shown)
    return LogLines(chunk.first, chunk.lines, at, chunk.stream, chunk.text, shown)
