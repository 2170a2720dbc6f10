"""The worker link over real sockets: a minimal worker, bad frames, silence, and a worker that resumes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import ClientSession, WSMsgType
from aiohttp.test_utils import TestServer

from nice_operator.domain.run import RunState
from nice_operator.web.worker_link import make_link_app
from nice_protocol.messages import Assign, ResumedRun
from tests.fakes.worker import FakeWorker
from tests.support.engine import Harness, running_engine
from tests.support.raw_http import PING, frame, raw_socket
from tests.support.serving import a_visit, serving


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_engine(tmp_path / "nice.db") as harness:
        yield harness


@pytest.fixture
async def url(engine: Harness) -> AsyncIterator[str]:
    async with TestServer(make_link_app(engine.engine)) as server:
        yield str(server.make_url("/api/v1/worker"))


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def minimal_worker(client: ClientSession, url: str) -> None:
    """A whole worker: executes one run after another, until the operator hangs up."""
    host = {"name": "minimal"}
    async with client.ws_connect(url) as socket:
        hello = {"type": "hello", "versions": [1], "session": str(uuid4()), "worker": "minimal"}
        await socket.send_json(hello | {"pool": "default", "slots": 1, "host": host})
        async for frame in socket:
            message = json.loads(frame.data)
            run = {key: message[key] for key in ("run", "epoch") if key in message}
            match message["type"]:
                case "welcome" | "finished" | "refused":
                    await socket.send_json({"type": "credit", "add": 1})
                case "assign":
                    payload = message["payload"]
                    await socket.send_json({"type": "start", "host": host} | run)
                case "started":
                    report = {"outcome": str(uuid4()), "state": "succeeded", "reason": "Done"}
                    await socket.send_json({"type": "finish", "result": payload} | report | run)


async def test_a_minimal_worker_works(engine: Harness, url: str, client: ClientSession) -> None:
    working = asyncio.create_task(minimal_worker(client, url))
    task = await engine.task()
    runs = [await engine.request(task, f'{{"number": {number}}}') for number in range(5)]
    ended = [await engine.ended(run.id) for run in runs]
    assert [run.result for run in ended] == [run.payload for run in runs]
    await engine.engine.workers.close()
    await working


async def test_a_worker_that_goes_before_its_pong_is_no_error(
    engine: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serving(make_link_app(engine.engine))
    assert server.port is not None

    async with a_visit(), raw_socket(server.port, "/api/v1/worker") as socket:
        await socket.say(HELLO)
        await socket.text()
        await socket.send(frame(PING) * 200)

    await server.close()
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_worker_resumes_over_a_new_socket(engine: Harness, url: str, client: ClientSession) -> None:
    worker = await FakeWorker.over_socket(client, url)
    await worker.credit(1)
    run = await engine.request(await engine.task())
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    await worker.leave()
    await worker.dial(client, url, (ResumedRun(assign.run, assign.epoch, "running"),))
    await worker.finish(assign, result="1")
    assert (await engine.ended(run.id)).state is RunState.SUCCEEDED
    await worker.close()


HELLO: dict[str, Any] = {
    "type": "hello",
    "versions": [1],
    "session": str(UUID(int=1)),
    "worker": "raw",
    "pool": "default",
    "slots": 1,
    "host": {"name": "raw"},
}


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ({"type": "credit", "add": 1}, "expected_hello"),
        (HELLO | {"versions": [99]}, "unsupported_version"),
        (HELLO | {"session": "me"}, "out_of_range"),
        ({"type": "draining"}, "expected_hello"),
    ],
)
async def test_a_connection_that_does_not_begin_with_a_good_hello_is_closed(
    url: str, client: ClientSession, first: dict[str, Any], code: str
) -> None:
    async with client.ws_connect(url) as socket:
        await socket.send_json(first)
        assert (await socket.receive_json(timeout=5))["code"] == code
        closing = await socket.receive(timeout=5)
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 1008)


async def test_refused_messages_are_answered_and_the_seventeenth_ends_the_connection(
    url: str, client: ClientSession
) -> None:
    async with client.ws_connect(url) as socket:
        await socket.send_json(HELLO)
        assert (await socket.receive_json(timeout=5))["type"] == "welcome"
        for _ in range(17):
            await socket.send_str("{")
            assert (await socket.receive_json(timeout=5))["code"] == "bad_json"
        closing = await socket.receive(timeout=5)
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 1008)


async def test_a_binary_frame_ends_the_connection(url: str, client: ClientSession) -> None:
    async with client.ws_connect(url) as socket:
        await socket.send_json(HELLO)
        await socket.receive_json(timeout=5)
        await socket.send_bytes(b"\x80")
        assert (await socket.receive_json(timeout=5))["code"] == "not_text"
        assert (await socket.receive(timeout=5)).data == 1008


async def test_a_frame_beyond_the_limit_ends_the_connection(
    engine: Harness, url: str, client: ClientSession
) -> None:
    async with client.ws_connect(url) as socket:
        await socket.send_json(HELLO)
        await socket.receive_json(timeout=5)
        with suppress(ConnectionError):  # cut off in the middle: the length is told first
            await socket.send_str(json.dumps({"type": "log", "x": "y" * (8 * 1024 * 1024)}))
        assert (await socket.receive(timeout=5)).type in {WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR}
    assert engine.engine.workers.list() == []


async def test_a_finish_before_its_start_changes_nothing(
    engine: Harness, url: str, client: ClientSession
) -> None:
    run = await engine.request(await engine.task())
    async with client.ws_connect(url) as socket:
        await socket.send_json(HELLO)
        await socket.receive_json(timeout=5)
        await socket.send_json({"type": "credit", "add": 1})
        assign = await socket.receive_json(timeout=5)
        report = {"outcome": str(uuid4()), "state": "succeeded", "reason": "Done", "result": "1"}
        await socket.send_json({"type": "finish", "run": assign["run"], "epoch": 1} | report)
        answer = await socket.receive_json(timeout=5)
        assert (answer["code"], answer["about"]) == ("not_started", "finish")
    assert (await engine.engine.runs.get(run.id)).state is RunState.CLAIMED


async def test_a_report_of_another_workers_run_is_refused_by_the_store(
    engine: Harness, url: str, client: ClientSession
) -> None:
    holder = await engine.worker("holder")
    await holder.credit(1)
    run = await engine.request(await engine.task())
    assign = await holder.expect(Assign)
    await holder.begin(assign)
    async with client.ws_connect(url) as socket:
        await socket.send_json(HELLO)
        await socket.receive_json(timeout=5)
        report = {"outcome": str(uuid4()), "state": "succeeded", "reason": "Done", "result": '"mine"'}
        await socket.send_json({"type": "finish", "run": assign.run, "epoch": 1} | report)
        assert (await socket.receive_json(timeout=5))["verdict"] == "stale_epoch"
    assert (await engine.engine.runs.get(run.id)).state is RunState.RUNNING
    await holder.finish(assign)
