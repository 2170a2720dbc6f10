"""S27: whoever changes something, or tries to, leaves a line: who, from where, what, and what came of it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from nice_operator.bootstrap.json_log import JsonFormatter
from nice_operator.web.app import all_routes
from nice_operator.web.audit import LOGGER, TOGETHER_SECONDS
from nice_operator.web.guard import SAFE_METHODS
from nice_operator.web.options import WebOptions
from nice_operator.web.routing import Access, Route
from tests.support.access import ADA, BOB, Gate, bearer, tokens_in
from tests.support.api import ApiServer, api_server, echoes

UNKNOWN = "01890000-0000-7000-8000-000000000000"
LATER = "2999-01-01T00:00:00Z"
SECRET = "secret-of-a-payload"
CHANGING = [
    route
    for route in all_routes(WebOptions(), worker_link=True)
    if route.method not in SAFE_METHODS or route.access in (Access.CHANGE, Access.WORKER)
]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """The audit log so far, as a cluster's operator writes it."""
    caplog.set_level(logging.INFO, LOGGER)

    def written() -> list[dict[str, Any]]:
        formatter = JsonFormatter()
        return [json.loads(formatter.format(r)) for r in caplog.records if r.name == LOGGER]

    return written


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path, tokens=tokens_in(tmp_path / "tokens"), gate=Gate()) as server:
        await server.define("job")
        yield server


def address(route: Route, **names: str) -> str:
    known = {"namespace": "default", "name": "job", "id": UNKNOWN, "when": LATER, **names}
    return re.sub(r"{(\w+)}", lambda found: known[found[1]], route.path)


def facts(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["who"], line["action"], line["target"], line["outcome"], line["status"]


def test_every_route_that_may_change_something_has_a_name_for_it() -> None:
    assert len(CHANGING) >= 11
    assert not [route.path for route in CHANGING if not route.action]


@pytest.mark.parametrize("route", CHANGING, ids=lambda route: f"{route.method} {route.path}")
async def test_a_stranger_who_tries_leaves_a_line(api: ApiServer, lines: Lines, route: Route) -> None:
    for headers in ({}, bearer("x" * 32)):
        answer = await api.client.request(route.method, address(route), headers=headers, data=SECRET)
        assert answer.status == 401
    (line,) = lines()
    assert (line["who"], line["action"], line["outcome"]) == ("", route.action, "refused")
    assert line["from"] == "127.0.0.1"
    assert line["level"] == "info"
    await api.client.close()


@pytest.mark.parametrize(
    "route", [r for r in CHANGING if r.method not in SAFE_METHODS], ids=lambda r: f"{r.method} {r.path}"
)
async def test_whatever_is_asked_for_leaves_a_line(api: ApiServer, lines: Lines, route: Route) -> None:
    (await api.worker()).serve(echoes)
    form = route.path.startswith("/ui/")
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    body = "" if form or route.path.startswith("/api/") else json.dumps(SECRET)
    headers = {**bearer(ADA), "Content-Type": kind}
    answer = await api.client.request(
        route.method, address(route), headers=headers, data=body, allow_redirects=False
    )
    (line,) = lines()
    assert (line["who"], line["action"], line["status"]) == ("ada", route.action, answer.status)
    assert line["outcome"] == ("refused" if answer.status >= 400 else "done")
    assert line["target"] in ("default/job", "job", UNKNOWN)
    assert line["request"] == answer.headers.get("X-Request-Id", line["request"]) != ""
    if answer.status in (201, 303):
        assert line["run"]
    assert SECRET not in json.dumps(lines())
    assert ADA not in json.dumps(lines())


async def test_a_view_only_server_tells_what_it_refused(tmp_path: Path, lines: Lines) -> None:
    options = WebOptions(view_only=True)
    async with api_server(tmp_path, options, tokens=tokens_in(tmp_path / "tokens")) as api:
        await api.define("job")
        await api.post("/task/job", headers=bearer(BOB))
    assert [facts(line) for line in lines()] == [("bob", "run", "job", "refused", 403)]


async def test_another_site_and_another_name_are_told(api: ApiServer, lines: Lines) -> None:
    foreign = {**bearer(ADA), "Origin": "https://evil.example"}
    assert (await api.post("/task/job", headers=foreign)).status == 403
    assert (await api.get("/", headers={**bearer(ADA), "Host": "evil.example"})).status == 421
    assert [(line["action"], line["status"]) for line in lines()] == [("run", 403), ("look", 421)]


async def test_looking_leaves_no_line(api: ApiServer, lines: Lines) -> None:
    for path in ("/", "/api/v1/runs", "/tasks", "/healthz", "/nowhere"):
        await api.get(path, headers=bearer(ADA))
    assert lines() == []


async def test_jobs_over_a_websocket_leave_lines_too(api: ApiServer, lines: Lines) -> None:
    (await api.worker()).serve(echoes)
    async with api.client.ws_connect("/websocket", headers=bearer(ADA)) as socket:
        await socket.send_json({"action": "RunTask", "name": "job", "options": SECRET, "nonce": 1})
        await socket.receive_json(timeout=20)
        await socket.send_json({"action": "ScheduleTask", "when": LATER, "name": "job", "nonce": 2})
        scheduled = (await socket.receive_json(timeout=20))["result"]["id"]
        await socket.send_json({"action": "UnscheduleTask", "id": scheduled, "nonce": 3})
        await socket.receive_json(timeout=20)
        await socket.send_json({"action": "ScheduleTask", "when": "never", "name": "job", "nonce": 4})
        await socket.receive_json(timeout=20)
    told = lines()
    assert [facts(line) for line in told] == [
        ("ada", "run", "job", "done", 200),
        ("ada", "schedule", "job", "done", 200),
        ("ada", "unschedule", scheduled, "done", 200),
        ("ada", "schedule", "job", "refused", 400),
    ]
    assert {line["door"] for line in told} == {"websocket"}
    assert told[1]["run"] == scheduled
    assert SECRET not in json.dumps(told)


async def test_a_worker_that_registers_a_name_leaves_a_line(api: ApiServer, lines: Lines) -> None:
    async with api.client.ws_connect("/worker", headers=bearer(BOB)) as socket:
        await socket.send_json({"action": "RegisterTask", "name": "nobody-declared-it"})
        await socket.receive(timeout=20)
    (line,) = lines()
    assert (line["who"], line["action"], line["target"]) == ("bob", "register", "nobody-declared-it")
    assert line["outcome"] == "refused"


async def test_what_is_alike_is_told_once_and_counted(tmp_path: Path, lines: Lines) -> None:
    async with api_server(tmp_path, tokens=tokens_in(tmp_path / "tokens")) as api:
        for _ in range(5):
            await api.post("/task/job", headers=bearer("x" * 32))
        assert [line["count"] for line in lines()] == [1]
    counts = [line["count"] for line in lines()]
    assert counts[0] == 1
    assert sum(counts) == 5, f"within {TOGETHER_SECONDS} s, or at the server's end"
