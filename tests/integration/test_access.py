"""Where tokens are configured, nothing but the open addresses answers without one (S1, S4, S6, B26)."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from nice_operator.ports import RunFilter, WorkerIdentity
from nice_operator.web.app import all_routes
from nice_operator.web.options import WebOptions
from nice_operator.web.proxy import TrustedProxy
from nice_operator.web.routing import Access
from tests.fakes.worker import FakeWorker
from tests.support.access import ADA, BOB, POD, Gate, bearer, token_directory, tokens_in
from tests.support.api import ApiServer, api_server, echoes, returns

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket"}
SOCKETS = ("/websocket", "/worker", "/api/v1/worker")
UNKNOWN = "01890000-0000-7000-8000-000000000000"


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def api(tmp_path: Path, gate: Gate) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path, tokens=tokens_in(tmp_path / "tokens"), gate=gate) as server:
        yield server


def concrete(path: str) -> str:
    names = {"id": UNKNOWN, "version": "x", "file": "none.css"}
    return re.sub(r"{(\w+)(:[^}]*\+)?}", lambda m: names.get(m[1], "nobody"), path)


ROUTES = all_routes(WebOptions(base_path="/nice"), worker_link=True)


async def test_nobody_gets_anywhere_without_a_token_but_to_what_is_open(tmp_path: Path, gate: Gate) -> None:
    options = WebOptions(base_path="/nice")
    async with api_server(tmp_path, options, tokens=tokens_in(tmp_path / "tokens"), gate=gate) as api:
        asked = 0
        for route in ROUTES:
            for headers in ({}, bearer("x" * 32), UPGRADE, {"Authorization": "Basic Og=="}):
                for prefix in ("", "/nice"):
                    address = prefix + concrete(route.path) or "/nice"
                    answer = await api.client.request(
                        route.method, address, headers=headers, allow_redirects=False
                    )
                    asked += 1
                    if route.access is Access.OPEN:
                        assert answer.status != 401, route
                        continue
                    assert answer.status == 401, route
                    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="Nice Commander"')
                    assert "Bearer" in answer.headers["WWW-Authenticate"]
    assert asked == len(ROUTES) * 8


async def test_what_is_open_tells_nothing_of_tasks() -> None:
    assert sorted(route.path for route in ROUTES if route.access is Access.OPEN) == [
        "", "/api/v1/openapi.json", "/healthz", "/readyz", "/static/{version}/{file}",
    ]  # fmt: skip


async def test_an_address_that_is_not_there_tells_a_stranger_nothing_else(api: ApiServer) -> None:
    for method, path in (("GET", "/nowhere"), ("TRACE", "/tasks"), ("PUT", "/"), ("OPTIONS", "/api/v1/runs")):
        assert (await api.client.request(method, path)).status == 401, (method, path)
    assert (await api.get("/nowhere", headers=bearer(ADA))).status == 404


@pytest.mark.parametrize("user", ["", "ada", "anybody at all"])
async def test_a_token_is_taken_as_the_password_of_basic_with_any_user_name(
    api: ApiServer, user: str
) -> None:
    sent = base64.b64encode(f"{user}:{ADA}".encode()).decode()
    assert (await api.get("/tasks", headers={"Authorization": f"Basic {sent}"})).status == 200


async def test_a_token_in_an_address_a_cookie_or_a_second_header_is_none(api: ApiServer) -> None:
    for path in (f"/tasks?token={ADA}", f"/tasks?access_token={ADA}", f"/tasks?authorization=Bearer%20{ADA}"):
        assert (await api.get(path)).status == 401, path
    assert (await api.get("/tasks", headers={"Cookie": f"token={ADA}"})).status == 401
    twice = [("Authorization", f"Bearer {ADA}"), ("Authorization", f"Bearer {BOB}")]
    assert (await api.get("/tasks", headers=twice)).status == 401


async def test_a_refusal_repeats_nothing_of_what_was_sent(api: ApiServer) -> None:
    answer = await api.get("/tasks", headers=bearer("not-a-token-of-ours-but-secret"))
    assert "secret" not in await answer.text() + str(answer.headers)


async def test_people_are_told_on_a_page_and_see_their_name_when_they_come_in(api: ApiServer) -> None:
    refused = await api.get("/", headers={"Accept": "text/html"})
    assert (refused.status, refused.content_type) == (401, "text/html")

    page = await (await api.get("/", headers={"Accept": "text/html"} | bearer(ADA))).text()
    assert "ada" in page


@pytest.mark.parametrize("path", SOCKETS)
@pytest.mark.parametrize("headers", [{}, bearer("nobody-knows-this-one"), {"Cookie": f"token={ADA}"}])
async def test_a_socket_is_refused_before_the_upgrade(
    api: ApiServer, path: str, headers: dict[str, str]
) -> None:
    for address in (path, f"{path}?token={ADA}", f"{path}?token={POD}"):
        with pytest.raises(WSServerHandshakeError) as refusal:
            await api.client.ws_connect(address, headers=headers)
        assert refusal.value.status in (401, 403), address


async def test_who_asks_for_a_run_is_the_client_whose_token_it_is(api: ApiServer) -> None:
    await api.define("job")
    (await api.worker()).serve(returns("1"))

    posted = await api.post("/task/job", data="1", headers=bearer(ADA))
    assert posted.status == 200
    async with api.client.ws_connect("/websocket", headers=bearer(BOB)) as socket:
        await socket.send_json({"action": "RunTask", "name": "job"})
        assert (await socket.receive(10)).data == "1"

    runs = (await api.engine.runs.list(RunFilter())).runs
    assert sorted(run.requester.name for run in runs) == ["ada", "bob"]


# ---------------------------------------------------------------- proxies


def behind(*networks: str) -> WebOptions:
    return WebOptions(proxy=TrustedProxy(tuple(ip_network(network) for network in networks)))


async def test_the_user_of_a_trusted_proxy_needs_no_token_and_goes_before_it(tmp_path: Path) -> None:
    options = behind("127.0.0.0/8")
    async with api_server(tmp_path, options, tokens=tokens_in(tmp_path / "tokens")) as api:
        await api.define("job")
        grace = {"X-Forwarded-User": "Grace"}
        for headers in (grace, grace | bearer(ADA)):
            answer = await api.post("/api/v1/tasks/default/job/runs", headers=headers)
            assert (await answer.json())["requestedBy"]["name"] == "Grace"
        assert (await api.get("/tasks")).status == 401
        assert (await api.get("/tasks", headers=bearer(ADA))).status == 200


async def test_a_header_of_a_stranger_is_no_token(tmp_path: Path) -> None:
    options = behind("192.0.2.1/32")
    async with api_server(tmp_path, options, tokens=tokens_in(tmp_path / "tokens")) as api:
        assert (await api.get("/tasks", headers={"X-Forwarded-User": "Grace"})).status == 401


# ---------------------------------------------------------------- workers outside


async def worker(api: ApiServer, token: str, *names: str) -> ClientWebSocketResponse:
    socket = await api.client.ws_connect("/worker", headers=bearer(token))
    for name in names:
        await socket.send_json({"action": "RegisterTask", "name": name})
        assert (await socket.receive(10)).data == ""
    return socket


async def test_a_result_counts_on_another_connection_of_the_same_client_alone(api: ApiServer) -> None:
    await api.define("job", run={"external": {}})
    ada, bob, again = await worker(api, ADA, "job"), await worker(api, BOB), await worker(api, ADA)
    await ada.send_json({"action": "GetTask"})
    posted = await api.post("/api/v1/tasks/default/job/runs", headers=bearer(ADA))
    asked = await posted.json()
    nonce = json.loads((await ada.receive(10)).data)["nonce"]
    socket_of = {"forged": bob, "true": again}

    for result, socket in socket_of.items():
        await socket.send_json({"action": "SendResult", "nonce": nonce, "result": result})
        assert (await socket.receive(10)).data == ""

    ended = await api.engine.runs.wait(UUID(asked["id"]), 10)  # type: ignore[arg-type]
    assert ended.result == '"true"'


# ---------------------------------------------------------------- revoking


@pytest.mark.timeout(60)
async def test_removing_a_token_ends_its_sockets_and_streams_and_no_others(
    api: ApiServer, tmp_path: Path
) -> None:
    doomed = [await api.client.ws_connect(path, headers=bearer(ADA)) for path in ("/websocket", "/worker")]
    spared = [await api.client.ws_connect(path, headers=bearer(BOB)) for path in ("/websocket", "/worker")]
    stream = await api.get("/api/v1/events", headers=bearer(ADA))
    time = asyncio.get_running_loop().time
    began = time()

    (tmp_path / "tokens" / "ada").unlink()

    for socket in doomed:
        closing = await socket.receive(10)
        assert (closing.type, closing.data) == (WSMsgType.CLOSE, 1008)
    with pytest.raises(ClientError):
        await stream.read()
    assert time() - began < 5
    assert (await api.get("/tasks", headers=bearer(ADA))).status == 401
    for socket in spared:
        await socket.send_json({"action": "GetTasks"})
        assert (await socket.receive(10)).type is WSMsgType.TEXT


async def test_a_new_token_is_known_while_the_server_runs(api: ApiServer, tmp_path: Path) -> None:
    carol = "carol-" + "4" * 26
    token_directory(tmp_path / "tokens", carol=carol)
    async with asyncio.timeout(10):
        while (await api.get("/tasks", headers=bearer(carol))).status == 401:
            pass


# ---------------------------------------------------------------- workers of pools

HELLO: dict[str, Any] = {
    "type": "hello", "versions": [1], "session": str(UUID(int=1)), "worker": "pod-1",
    "pool": "default/default", "slots": 1, "host": {"name": "pod-1"},
}  # fmt: skip


async def greeted(api: ApiServer, **changes: Any) -> dict[str, Any]:
    async with api.client.ws_connect("/api/v1/worker", headers=bearer(POD)) as socket:
        await socket.send_json(HELLO | changes)
        document: dict[str, Any] = await socket.receive_json(timeout=10)
        return document


async def test_a_worker_of_a_pool_is_let_in_by_its_own_token_alone(api: ApiServer) -> None:
    assert (await greeted(api))["type"] == "welcome"
    for token in (ADA, "nobody-knows-this-one"):
        assert (await api.get("/api/v1/worker", headers=bearer(token) | UPGRADE)).status == 401
    assert (await api.get("/tasks", headers=bearer(POD))).status == 401


@pytest.mark.parametrize("changes", [{"pool": "other/default"}, {"pool": "default"}, {"worker": "pod-2"}])
async def test_a_worker_cannot_say_that_it_is_another(api: ApiServer, changes: dict[str, Any]) -> None:
    refusal = await greeted(api, **changes)
    assert (refusal["type"], refusal["code"]) == ("error", "not_admitted")
    assert api.engine.workers.list() == []


async def test_a_worker_whose_token_names_a_pool_only_chooses_its_name(api: ApiServer, gate: Gate) -> None:
    gate.identities[POD] = WorkerIdentity("default/default")
    assert (await greeted(api, worker="chosen"))["type"] == "welcome"


async def test_while_nobody_can_check_a_workers_token_it_is_to_come_again(api: ApiServer, gate: Gate) -> None:
    gate.away = True
    answer = await api.get("/api/v1/worker", headers=bearer(POD) | UPGRADE)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")


async def test_without_a_gate_there_is_no_worker_link(tmp_path: Path) -> None:
    async with api_server(tmp_path) as api:
        assert (await api.get("/api/v1/worker", headers=UPGRADE)).status == 404


async def test_a_worker_works_over_the_link(api: ApiServer) -> None:
    await api.define("job")
    worker = FakeWorker("pod-1", pool="default/default", headers=bearer(POD))
    await worker.dial(api.client.session, f"{api.base}/api/v1/worker")
    api.workers.append(worker)
    worker.serve(echoes)
    answer = await api.post("/task/job", data='{"a": 1}', headers=bearer(ADA))
    assert await answer.json() == {"a": 1}


async def test_a_client_that_sends_too_much_is_told_when_to_come_again_and_delays_nobody(
    tmp_path: Path, gate: Gate
) -> None:
    options = WebOptions(client_rate=1.0)
    async with api_server(tmp_path, options, tokens=tokens_in(tmp_path / "tokens"), gate=gate) as api:
        await api.define("job")
        answers = [await api.get("/tasks", headers=bearer(ADA)) for _ in range(20)]
        refused = [answer for answer in answers if answer.status == 429]
        assert answers[0].status == 200
        assert len(refused) >= 10
        assert int(refused[0].headers["Retry-After"]) >= 1
        body = await refused[0].json()
        assert (body["statusCode"], body["error"]) == (429, "Too Many Requests")
        assert "client ada has sent more than its share" in body["message"]
        job = await api.post("/task/job", data="1", headers=bearer(ADA))
        assert (job.status, "Nice-Run-Id" in job.headers) == (429, False)
        assert (await api.get("/tasks", headers=bearer(BOB))).status == 200
        assert (await api.get("/healthz")).status == 200
        assert (await api.get("/api/v1/worker", headers=bearer(POD))).status != 429
