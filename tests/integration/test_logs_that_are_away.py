"""What readers are told when the logs are kept where nobody answers: a sentence, and the lines as soon as
somebody does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.ports import LogChunk, LogStore, RunLogs
from nice_protocol.messages import Assign, LogEnd
from tests.support.api import ApiServer, api_server

WORDS = "CloudWatch has not answered within 6 s; it will be asked again"
PAGE = {"Accept": "text/html"}


class SometimesAway:
    """A log store that answers only while it is there."""

    def __init__(self, logs: LogStore) -> None:
        self.logs = logs
        self.away = False

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        await self.logs.append(run_id, attempt, chunks)

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        if self.away:
            raise Unavailable(WORDS)
        return await self.logs.read(run_id, attempt, after, max_bytes)

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        await self.logs.delete(runs)


class Served:
    """A server whose logs can go away."""

    def __init__(self) -> None:
        self.kept: SometimesAway
        self.api: ApiServer

    def keep(self, logs: LogStore) -> LogStore:
        self.kept = SometimesAway(logs)
        return self.kept

    async def ended_run(self) -> str:
        """A run with two lines, whose log is away from now on."""
        await self.api.define("job")
        run = await self.api.run("job")
        worker = await self.api.worker()
        await worker.credit(1)
        assignment = await worker.expect(Assign)
        await worker.begin(assignment)
        await worker.log(assignment, "one\ntwo\n")
        await worker.finish(assignment, result="1", log=LogEnd(2, True))
        await self.api.get(f"/api/v1/runs/{run['id']}?wait=10")
        self.kept.away = True
        return str(run["id"])


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    made = Served()
    async with api_server(tmp_path, keeping=lambda store: made.keep(store.logs)) as api:
        made.api = api
        yield made


@pytest.mark.parametrize("kind", ["", "/raw", "/formatted"])
async def test_a_program_gets_503_with_the_reason_and_when_to_come_again(served: Served, kind: str) -> None:
    run = await served.ended_run()

    answer = await served.api.get(f"/api/v1/runs/{run}/logs{kind}")

    assert answer.status == 503
    assert answer.headers["Retry-After"] == "2"
    assert (await answer.json())["message"] == WORDS


async def test_the_page_shows_all_that_is_known_and_says_why_the_log_is_not(served: Served) -> None:
    run = await served.ended_run()

    answer = await served.api.get(f"/ui/runs/{run}", headers=PAGE)
    text = await answer.text()
    served.kept.away = False
    later = await (await served.api.get(f"/ui/runs/{run}", headers=PAGE)).text()

    assert answer.status == 200
    assert f"The log cannot be read now: {WORDS}." in text
    assert "complete, 2 lines" in text
    assert "cannot be read now" not in later
    assert "two" in later


@pytest.mark.parametrize("address", ["/api/v1/runs/{}/logs/events", "/ui/runs/{}/log"])
async def test_a_stream_says_why_it_ends_and_goes_on_where_it_was(served: Served, address: str) -> None:
    run = await served.ended_run()

    async with asyncio.timeout(10):
        first = await (await served.api.get(address.format(run))).text()
        served.kept.away = False
        again = await (await served.api.get(address.format(run), headers={"Last-Event-ID": "1:1"})).text()

    assert first.rstrip().endswith(f'event: unavailable\ndata: {{"message":"{WORDS}"}}')
    assert "event: end" not in first
    assert "event: end" in again
    assert "two" in again
    assert "unavailable" not in again
