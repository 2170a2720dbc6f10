"""B37 to B39: names, payloads and results that would like to be more than text, wherever they are shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path

import pytest

from nice_operator.engine.settings import EngineSettings
from tests.integration.hostile.doors import DOORS
from tests.support.api import ApiServer, api_server, echoes, returns
from tests.support.bystander import Attack, Watch
from tests.support.raw_http import raw_socket

TURNING = "a\u202eb\u2066c"
HIDDEN = "zero\u200bwidth\ufeff"
NAMES = [
    TURNING,
    HIDDEN,
    "💥",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "%s%n",
    "' OR 1=1 --",
    "a/../b",
    "x\u0301",
]
PAGE = {"Accept": "text/html"}


@pytest.fixture
async def welcoming(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """A server on which a name becomes a task when somebody registers it."""
    async with api_server(tmp_path, settings=EngineSettings(lease=None, undeclared_tasks=True)) as server:
        yield server


async def test_b37_a_name_of_any_letters_is_kept_as_it_is_and_shown_without_its_tricks(
    welcoming: ApiServer,
) -> None:
    api = welcoming
    assert api.client.port is not None
    async with raw_socket(api.client.port, DOORS["worker"].path) as socket:
        for name in NAMES:
            await socket.say({"action": "RegisterTask", "name": name})
            assert await socket.text() == ""
        assert {*NAMES} <= {*(await (await api.get("/tasks")).json())}
        page = await (await api.get("/", headers=PAGE)).text()
        tasks = (await (await api.get("/api/v1/tasks")).json())["tasks"]
        for task in tasks:
            page += await (await api.get(f"/ui/tasks/default/{task['name']}", headers=PAGE)).text()
    for trick in "\u202e\u2066\u200b\ufeff":
        assert trick not in page
    assert "<script>alert" not in page
    assert escape("<script>alert(1)</script>") in page
    assert "{{7*7}}" in page


@pytest.mark.parametrize("name", ["nul\0", "line\nbreak", "\x1b[2J", " space", "", "x" * 254, "\ud800"])
async def test_b37_a_name_with_control_characters_is_taken_by_nobody(welcoming: ApiServer, name: str) -> None:
    api = welcoming
    assert api.client.port is not None
    async with raw_socket(api.client.port, DOORS["worker"].path) as socket:
        await socket.say({"action": "RegisterTask", "name": name})
        await socket.text()
    tasks = (await (await api.get("/api/v1/tasks")).json())["tasks"]
    assert tasks == []


INERT = {
    "__proto__": {"polluted": True}, "constructor": {"prototype": 1}, "toString": "x",
    "<img src=x onerror=a()>": 1, "javascript:alert(1)": "data:text/html,<script>alert(1)</script>",
    "\u202e": "\u202e",
    "big": 2**64,
}  # fmt: skip


async def test_b38_names_that_mean_something_to_a_script_are_only_names(api: ApiServer, watch: Watch) -> None:
    worker = await api.worker()
    worker.serve(returns(json.dumps(INERT)))
    run = await api.run("job", payload=INERT)

    document = await (await api.get(f"/api/v1/runs/{run['id']}?wait=20")).json()
    page = await (await api.get(f"/ui/runs/{run['id']}", headers=PAGE)).text()

    assert document["payload"] == document["result"] == INERT
    assert "<img src=x" not in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert str(2**64) in page


async def test_b39_numbers_beyond_a_double_keep_every_digit_at_every_door(
    api: ApiServer, watch: Watch
) -> None:
    text = '{"a":9007199254740993,"b":1.10,"c":1e2,"d":123456789012345678901234567890,"e":-0}'
    (await api.worker()).serve(returns(text))
    sent = {"Content-Type": "application/json"}
    created = await api.post(
        "/api/v1/tasks/default/job/runs", data=f'{{"payload":{text}}}'.encode(), headers=sent
    )
    shown = await (await api.get(created.headers["Location"] + "?wait=20")).text()
    assert shown.count(text) == 2
    assert await (await api.post("/task/job", data=text.encode())).text() == text
    assert api.client.port is not None
    async with raw_socket(api.client.port, DOORS["client"].path) as socket:
        await socket.say(f'{{"action":"RunTask","name":"job","options":{text},"nonce":1e0}}')
        assert await socket.text() == f'{{"nonce":1e0,"result":{text}}}'


async def test_b36_a_megabyte_of_secrets_is_masked_while_others_are_served(
    api: ApiServer, watch: Watch, attack: Attack
) -> None:
    (await api.worker()).serve(echoes)
    secrets = ",".join(f'{{"token":"value-{n}","note":"a \\"password\\": b"}}' for n in range(18_000))
    body = f'{{"payload":[{secrets}]}}'.encode()
    head = f"HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    request = f"POST /api/v1/tasks/default/job/runs {head}Content-Type: application/json\r\n\r\n".encode()
    created = await attack(request + body)
    assert created.status == 201
    watch.check()
    assert b"value-1" not in created.body
    run = created.body.partition(b'"id":"')[2][:36].decode()
    for path in (f"/api/v1/runs/{run}?wait=20", "/api/v1/runs"):
        shown = await attack(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert shown.body.count(b'"token":"***"') >= 18_000
        assert b"value-1" not in shown.body
        watch.check()
