"""B28 to B35: messages that are wrong, too many, out of order, or another's, on every WebSocket."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from nice_operator.domain.run import RunState
from nice_operator.engine.external.worker import MOST_NAMES
from nice_operator.ports import RunFilter
from nice_operator.web.worker_link import WorkerLink
from tests.integration.hostile.doors import DOORS, HELLO, Door
from tests.support.api import ApiServer
from tests.support.bystander import Watch
from tests.support.raw_http import TEXT, RawSocket, frame, raw_socket

LINK = DOORS["link"]
BIG = 2**63


def connect(api: ApiServer, door: Door) -> Any:
    """A raw connection to a door."""
    assert api.client.port is not None
    return raw_socket(api.client.port, door.path, **door.headers)


def in_pieces(data: bytes) -> list[bytes]:
    """So much at a time as a kernel takes."""
    return [data[at : at + 65536] for at in range(0, len(data), 65536)]


async def refused(socket: RawSocket, message: Any) -> str:
    """The code with which the worker link answers a message."""
    await socket.say(message)
    answer = json.loads(await socket.text())
    assert answer["type"] == "error", answer
    assert "Traceback" not in answer["message"]
    return str(answer["code"])


# ---------------------------------------------------------------- B28

AT_THE_ROOT = [
    "{", "", "null", "[]", "1", '"x"', "{}", '{"action":1}', '{"action":{}}', '{"action":"Nothing"}',
    '{"action":"RunTask"}', '{"action":"RunTask","name":{}}', '{"action":"RunTask","name":""}',
    '{"action":"ScheduleTask","name":"work","when":"yesterday"}', '{"action":"ScheduleTask","name":"work"}',
    '{"action":"ScheduleTask","name":"work","when":[1]}', '{"action":"UnscheduleTask"}',
    '{"action":"UnscheduleTask","id":{"$ne":null}}', '{"action":"SendResult"}', '{"action":"RegisterTask"}',
    '{"action":"RegisterTask","name":["a"]}', '{"action":"SendResult","nonce":7,"result":1}',
    '{"action":"__proto__"}', '{"__proto__":{"action":"RunTask"}}', '{"action":"GetTasks","nonce":NaN}',
    '{"action":"a","action":"b"}', "[" * 100_000, '{"a":' * 9000,
]  # fmt: skip


@pytest.mark.parametrize("path", ["/websocket", "/worker"])
async def test_b28_what_is_wrong_is_answered_and_the_socket_stays_open(
    api: ApiServer, watch: Watch, path: str
) -> None:
    async with connect(api, Door(path, {}, "", 0)) as socket:
        watch.start_over()
        for message in AT_THE_ROOT:
            await socket.say(message)
            assert "Traceback" not in await socket.text(), message
        if path == "/websocket":
            await socket.say({"action": "GetTasks", "nonce": "still here"})
            assert json.loads(await socket.text())["nonce"] == "still here"
    assert (await api.engine.runs.list(RunFilter())).runs == ()


ON_THE_LINK: list[tuple[Any, str]] = [
    ("{", "bad_json"), ("", "bad_json"), ("null", "bad_json"), ("[]", "bad_json"), ("[" * 50_000, "bad_json"),
    ({}, "unknown_type"), ({"type": 1}, "unknown_type"), ({"type": "Start"}, "unknown_type"),
    ({"type": "welcome"}, "unknown_type"), ({"type": "progress", "percent": 1e9}, "unknown_type"),
    ({"type": "credit"}, "missing_field"), ({"type": "credit", "add": "1"}, "wrong_type"),
    ({"type": "credit", "add": True}, "wrong_type"), ({"type": "credit", "add": 0}, "out_of_range"),
    ({"type": "credit", "add": -1}, "out_of_range"), ({"type": "credit", "add": BIG}, "out_of_range"),
]  # fmt: skip


async def test_b28_what_is_wrong_on_the_link_has_its_code_and_the_seventeenth_ends_it(
    api: ApiServer, watch: Watch
) -> None:
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        for message, code in ON_THE_LINK:
            assert await refused(socket, message) == code, message
        await socket.say("{")
        assert await socket.ended() == 1008


FLOODS = {
    "noise": "x",
    "nothing": "{}",
    "an unknown action": '{"action":"Dance"}',
    "a name": '{"action":"RegisterTask","name":"work"}',
    "a result of nobody's": '{"action":"SendResult","nonce":"x","result":1}',
    "a job wanted": '{"action":"GetTask"}',
    "names wanted": '{"action":"GetTasks"}',
}


@pytest.mark.parametrize("path", ["/websocket", "/worker"])
@pytest.mark.parametrize("message", FLOODS.values(), ids=FLOODS)
async def test_b28_a_flood_at_the_root_delays_the_flooder_alone(
    api: ApiServer, watch: Watch, path: str, message: str
) -> None:
    flood = frame(TEXT, message.encode()) * 20_000
    async with connect(api, Door(path, {}, "", 0)) as socket:
        watch.start_over()
        sending = asyncio.create_task(socket.send(*in_pieces(flood)))
        served = watch.served
        async with asyncio.timeout(60):
            while watch.served < served + 20:
                await asyncio.sleep(0.005)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_b28_a_flood_on_the_link_ends_it(api: ApiServer, watch: Watch) -> None:
    app = web.Application()
    app.router.add_get(LINK.path, WorkerLink(api.engine.workers, rate=0.001, burst=100).serve)
    async with TestServer(app, host="127.0.0.1") as server:
        assert server.port is not None
        async with raw_socket(server.port, LINK.path) as socket:
            await LINK.enter(socket)
            watch.start_over()
            await socket.send(frame(TEXT, b'{"type":"credit","add":1}') * 102)
            assert json.loads(await socket.text())["code"] == "too_many"
            assert await socket.ended() == 1008
    assert api.engine.workers.list() == []


STRUCTURES = {
    "objects": "{},", "lists": "[],", "numbers": "1,", "texts": '"",', "names": None,
}  # fmt: skip


@pytest.mark.parametrize("unit", STRUCTURES.values(), ids=STRUCTURES)
async def test_b28_a_frame_of_absurd_structure_is_refused_and_nobody_waits(
    api: ApiServer, watch: Watch, unit: str | None
) -> None:
    room = 8 * 1024 * 1024 - 100
    if unit is None:
        inner = ",".join(f'"{n}":1' for n in range(room // 12))
        text = f'{{"type":"credit","x":{{{inner}}}}}'
    else:
        text = f'{{"type":"credit","x":[{unit * (room // len(unit) - 1)}1]}}'
    data = frame(TEXT, text.encode())
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        await socket.send(data)
        assert json.loads(await socket.text())["code"] == "too_large"
        assert await socket.ended() == 1008


# ---------------------------------------------------------------- B29, B30, B31


async def assigned(api: ApiServer, socket: RawSocket) -> dict[str, Any]:
    """A run that the link's worker was given."""
    run = await api.run("job")
    await socket.say({"type": "credit", "add": 1})
    given: dict[str, Any] = json.loads(await socket.text())
    assert (given["type"], given["run"]) == ("assign", run["id"])
    return {"run": given["run"], "epoch": given["epoch"]}


def finish(run: dict[str, Any], **changes: Any) -> dict[str, Any]:
    report = {"outcome": str(uuid4()), "state": "succeeded", "reason": "Done", "result": "1"}
    return {"type": "finish", **run, **report, **changes}


async def test_b29_out_of_order_is_refused_and_moves_nothing(api: ApiServer, watch: Watch) -> None:
    host = {"name": "pod-1"}
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        run = await assigned(api, socket)
        assert await refused(socket, finish(run)) == "not_started"
        assert await refused(socket, json.loads(LINK.first)) == "repeated_hello"
        assert await socket.ended() == 1008
    state = (await api.engine.runs.get(_id(run))).state
    assert state is RunState.CLAIMED

    async with connect(api, LINK) as socket:
        resume = [{**run, "phase": "assigned"}]
        await socket.say(HELLO | {"resume": resume})
        assert json.loads(await socket.text())["type"] == "welcome"
        await socket.say({"type": "start", **run, "host": host})
        assert json.loads(await socket.text())["type"] == "started"
        assert await refused(socket, {"type": "start", **run, "host": host}) == "already_started"
        assert await refused(socket, {"type": "release", **run}) == "already_started"
        await socket.say({"type": "heartbeat", "seq": 1, "runs": [{"run": str(uuid4()), "epoch": 1}]})
        answer = json.loads(await socket.text())
        assert answer["type"] == "heartbeat_ack"
        assert len(answer["lost"]) == 1
        await socket.say({"type": "draining"})
        assert await refused(socket, {"type": "credit", "add": 1}) == "draining"
        await socket.say(finish(run))
        assert json.loads(await socket.text())["verdict"] == "accepted"


async def test_b30_an_epoch_that_is_not_its_own_changes_nothing(api: ApiServer, watch: Watch) -> None:
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        run = await assigned(api, socket)
        await socket.say({"type": "start", **run, "host": {"name": "pod-1"}})
        assert json.loads(await socket.text())["type"] == "started"
        wrong = {-1: "out_of_range", BIG: "out_of_range", 1.5: "wrong_type", "1": "wrong_type"}
        for epoch, code in wrong.items():
            assert await refused(socket, finish(run | {"epoch": epoch})) == code, epoch
        for epoch in (run["epoch"] + 1, BIG - 1, 0):
            await socket.say(finish(run | {"epoch": epoch}))
            answer = json.loads(await socket.text())
            assert answer.get("verdict", answer.get("code")) in ("stale_epoch", "db_regressed", "not_started")
        assert (await api.engine.runs.get(_id(run))).state is RunState.RUNNING


async def test_b30_a_session_of_another_worker_is_not_taken_over(
    api: ApiServer, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    other = await api.worker("other", pool="other/pool")
    watch.start_over()
    async with connect(api, LINK) as socket:
        await socket.say(HELLO | {"session": other.session_id})
        assert json.loads(await socket.text())["code"] == "fenced"
        assert await socket.ended() == 1008
    assert [worker.worker for worker in api.engine.workers.list()] == ["other"]
    assert other.closed is None


@pytest.mark.parametrize(("slots", "given"), [(0, 1), (-1, 1), (10**9, 1024), (-(2**63) + 1, 1)])
async def test_b31_slots_beyond_reason_are_cut(api: ApiServer, watch: Watch, slots: int, given: int) -> None:
    async with connect(api, LINK) as socket:
        await socket.say(HELLO | {"slots": slots})
        assert json.loads(await socket.text())["type"] == "welcome"
        watch.start_over()
        await socket.say({"type": "credit", "add": 2**62})
        (worker,) = api.engine.workers.list()
        assert worker.slots == given


async def test_b31_a_second_host_with_the_same_name_fences_the_first(api: ApiServer, watch: Watch) -> None:
    async with connect(api, LINK) as first, connect(api, LINK) as second:
        await LINK.enter(first)
        watch.start_over()
        await second.say(HELLO | {"session": str(UUID(int=2))})
        assert json.loads(await second.text())["type"] == "welcome"
        assert await first.ended() == 1008
        (worker,) = api.engine.workers.list()
        assert worker.session == UUID(int=2)


async def test_b31_a_worker_that_registers_a_hundred_thousand_names_keeps_a_thousand(
    api: ApiServer, watch: Watch
) -> None:
    names = [frame(TEXT, f'{{"action":"RegisterTask","name":"name-{n}"}}'.encode()) for n in range(5_000)]
    async with connect(api, DOORS["worker"]) as socket:
        watch.start_over()
        sending = asyncio.create_task(socket.send(*names))
        for _ in range(MOST_NAMES + 200):
            assert await socket.text() == ""
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        (worker,) = api.engine.external.workers
        assert len(worker.names) <= MOST_NAMES


# ---------------------------------------------------------------- B32 to B35


async def test_b32_a_workers_clock_decides_nothing(api: ApiServer, watch: Watch) -> None:
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        run = await assigned(api, socket)
        await socket.say({"type": "start", **run, "host": {"name": "pod-1"}})
        await socket.text()
        moments = (0, -1, 4_102_444_800_000_000, BIG - 1, -BIG + 1)
        for number, at in enumerate(moments, 1):
            lines = {"first": number, "lines": 1, "at": at, "stream": "stdout", "text": "line\n"}
            await socket.say({"type": "log", **run, "chunks": [lines]})
            assert json.loads(await socket.text())["type"] == "log_ack"
        await socket.say(finish(run))
        assert json.loads(await socket.text())["verdict"] == "accepted"
    ended = await api.engine.runs.get(_id(run))
    assert ended.created_at <= ended.started_at <= ended.finished_at  # type: ignore[operator]
    text = await (await api.get(f"/api/v1/runs/{run['run']}/logs")).json()
    assert sum(chunk["lines"] for chunk in text["chunks"]) == 5


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_b32_a_job_for_the_beginning_or_the_end_of_time_is_kept(
    api: ApiServer, watch: Watch, when: str
) -> None:
    async with connect(api, DOORS["client"]) as socket:
        watch.start_over()
        await socket.say({"action": "ScheduleTask", "name": "work", "when": when})
        assert UUID(json.loads(await socket.text())["id"])


NO_JSON = ["", "{", "NaN", "b'\\x80\\x04'", "\x00", "undefined", "[" * 100_000, "1 2", "'a'"]


async def test_b33_a_result_that_is_not_json_fails_its_run_and_says_why(api: ApiServer, watch: Watch) -> None:
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        for result in NO_JSON:
            run = await assigned(api, socket)
            await socket.say({"type": "start", **run, "host": {"name": "pod-1"}})
            await socket.text()
            await socket.say(finish(run, result=result))
            assert json.loads(await socket.text())["verdict"] == "accepted"
            ended = await api.engine.runs.get(_id(run))
            assert ended.state is RunState.FAILED, result
            assert "expected a result that is JSON" in ended.message


async def test_b33_a_result_of_a_mebibyte_of_numbers_holds_nobody_up(api: ApiServer, watch: Watch) -> None:
    results = ["[" + ",".join(["1"] * 500_000) + "]", "[" + ",".join(['{"a":1}'] * 130_000) + "]"]
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        for result in results:
            run = await assigned(api, socket)
            await socket.say({"type": "start", **run, "host": {"name": "pod-1"}})
            await socket.text()
            data = frame(TEXT, json.dumps(finish(run, result=result)).encode())
            watch.start_over()
            await socket.send(data)
            assert json.loads(await socket.text())["verdict"] == "accepted"
            assert (await api.engine.runs.get(_id(run))).result == result


async def test_b33_a_result_of_a_hundred_megabytes_ends_its_connection_and_the_job_goes_to_another(
    api: ApiServer, watch: Watch
) -> None:
    async with connect(api, DOORS["worker"]) as socket:
        await socket.say({"action": "RegisterTask", "name": "work"})
        await socket.say({"action": "GetTask"})
        await socket.text()
        run = await api.run("work")
        nonce = json.loads(await socket.text())["nonce"]
        head = f'{{"action":"SendResult","nonce":"{nonce}","result":"'.encode()
        watch.start_over()
        size = 100_000_000
        start = b"\x81\xff" + (len(head) + size + 2).to_bytes(8) + bytes(4) + head
        sending = asyncio.create_task(socket.send(start, *[b"x" * 65536] * (size // 65536)))
        assert await socket.ended() == 1009
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    async with connect(api, DOORS["worker"]) as again:
        await again.say({"action": "RegisterTask", "name": "work"})
        await again.say({"action": "GetTask"})
        await again.text()
        nonce = json.loads(await again.text())["nonce"]
        await again.say({"action": "SendResult", "nonce": nonce, "result": 7})
        await again.text()
    assert (await api.engine.runs.get(_id({"run": run["id"]}))).result == "7"


async def test_b35_cancelling_twice_and_after_the_end_is_the_same(api: ApiServer, watch: Watch) -> None:
    async with connect(api, LINK) as socket:
        await LINK.enter(socket)
        watch.start_over()
        run = await assigned(api, socket)
        await socket.say({"type": "start", **run, "host": {"name": "pod-1"}})
        await socket.text()
        asked = [await api.post(f"/api/v1/runs/{run['run']}/cancel") for _ in range(3)]
        assert [answer.status for answer in asked] == [202, 202, 202]
        assert json.loads(await socket.text())["type"] == "cancel"
        while True:
            await socket.say(finish(run))
            answer = json.loads(await socket.text())
            if answer["type"] == "finished":
                break
        assert answer["verdict"] == "accepted"
    late = await api.post(f"/api/v1/runs/{run['run']}/cancel")
    assert late.status == 409
    assert (await api.engine.runs.get(_id(run))).state is RunState.SUCCEEDED  # the end came first


def _id(run: dict[str, Any]) -> Any:
    return UUID(run["run"])


async def test_s12_the_jobs_that_one_connection_waits_for_hold_a_bounded_memory(
    api: ApiServer, watch: Watch
) -> None:
    data = frame(TEXT, json.dumps({"action": "RunTask", "name": "work", "options": "x" * 1_000_000}).encode())
    async with connect(api, DOORS["client"]) as socket:
        watch.start_over()
        for _ in range(70):
            await socket.send(data)
        assert "options" in json.loads(await socket.text())["error"]
    jobs = (await api.engine.runs.list(RunFilter(limit=100))).runs
    assert len(jobs) <= 67


@pytest.mark.parametrize("door", [DOORS["client"], DOORS["worker"]], ids=["client", "worker"])
async def test_b28_sixty_connections_that_all_send_rubbish_are_all_answered(
    api: ApiServer, watch: Watch, door: Door
) -> None:
    async def one(number: int) -> None:
        async with connect(api, door) as socket:
            for _ in range(20):
                await socket.say("rubbish")
                assert json.loads(await socket.text())["statusCode"] == 400, number

    watch.start_over()
    await asyncio.gather(*(one(number) for number in range(60)))
