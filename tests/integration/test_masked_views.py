"""B36, S14: secrets in payloads, results and definitions are on no page, in no document, and arrive."""

from __future__ import annotations

import html
import json
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nice_protocol.messages import Assign
from tests.fakes.worker import FakeWorker, finish_of
from tests.support.access import ADA, BOB, bearer, tokens_in
from tests.support.api import ApiServer, api_server, echoes

CANARY = "canary-3f9a"
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.{CANARY}"
PAYLOAD = {"user": "ada", "login": {"password": CANARY}, "headers": [{"Authorization": f"Bearer {CANARY}"}],
           "note": f"call with {JWT}", "big": 12345678901234567890}  # fmt: skip
SHOWN = {"user": "ada", "login": {"password": "***"}, "headers": [{"Authorization": "***"}],
         "note": "call with ***", "big": 12345678901234567890}  # fmt: skip
PAGE = {"Accept": "text/html"}
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path) as server:
        yield server


async def ran(api: ApiServer, worker: FakeWorker, **spec: Any) -> dict[str, Any]:
    """A run of a task with secrets everywhere, ended."""
    env = [{"name": "API_TOKEN", "value": CANARY}, {"name": "LANG", "value": "C"}]
    await api.define("job", payload=PAYLOAD, env=env, **spec)
    worker.serve(echoes)
    run = await api.run("job", payload=PAYLOAD)
    found: dict[str, Any] = await (await api.get(f"/api/v1/runs/{run['id']}?wait=20")).json()
    assert found["state"] == "succeeded", found
    return found


async def test_no_page_and_no_document_shows_a_secret(
    api: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = await api.worker()
    run = await ran(api, worker)
    assert run["payload"] == run["result"] == SHOWN

    paths = [
        *(
            "/",
            "/ui/tasks/default/job",
            f"/ui/runs/{run['id']}",
            "/ui/runs",
            "/ui/pools",
            "/ui/workers",
            "/ui/timeline",
        ),
        *("/api/v1/runs", "/api/v1/tasks", "/api/v1/tasks/default/job", f"/api/v1/runs/{run['id']}"),
        *(f"/api/v1/runs/{run['id']}/logs", f"/api/v1/runs/{run['id']}/logs/events", "/api/v1/workers"),
        *("/api/v1/tasks/default/job/explain", "/tasks"),
    ]
    seen = [await (await api.get(path, headers=PAGE)).text() for path in paths]
    assert "***" in seen[2]
    assert sum(SHOWN["note"] in text for text in seen) >= 4, "they do not show what this is about"
    assert not [path for path, text in zip(paths, seen, strict=True) if CANARY in text]
    assert CANARY not in caplog.text


async def test_the_run_and_a_retry_of_it_get_the_payload_itself(api: ApiServer) -> None:
    worker = await api.worker()
    given: list[Any] = []

    def takes(assign: Assign) -> Any:
        given.append(json.loads(assign.payload))
        return finish_of(assign)

    await api.define("job")
    worker.serve(takes)
    run = await api.run("job", payload=PAYLOAD)
    await api.get(f"/api/v1/runs/{run['id']}?wait=20")
    again = await (await api.post(f"/api/v1/runs/{run['id']}/retry")).json()
    await api.get(f"/api/v1/runs/{again['id']}?wait=20")
    assert given == [PAYLOAD, PAYLOAD]


async def test_a_job_of_the_root_paths_has_its_result_to_the_byte(api: ApiServer) -> None:
    (await api.worker()).serve(echoes)
    await api.define("job")
    text = json.dumps(PAYLOAD)
    answer = await api.post("/task/job", data=text)
    assert await answer.text() == text
    async with api.client.ws_connect("/websocket") as socket:
        await socket.send_json({"action": "RunTask", "name": "job", "options": PAYLOAD, "nonce": 1})
        assert (await socket.receive_json(timeout=20))["result"] == PAYLOAD


async def test_whoever_asked_for_a_run_may_have_its_result_and_nobody_else(tmp_path: Path) -> None:
    async with api_server(tmp_path, tokens=tokens_in(tmp_path / "tokens")) as api:
        (await api.worker()).serve(echoes)
        await api.define("job")
        body = json.dumps({"payload": PAYLOAD})
        headers = {**bearer(ADA), "Content-Type": "application/json"}
        run = await (await api.post("/api/v1/tasks/default/job/runs", data=body, headers=headers)).json()
        address = f"/api/v1/runs/{run['id']}?wait=20&reveal=result"
        hers = await (await api.get(address, headers=bearer(ADA))).json()
        his = await (await api.get(address, headers=bearer(BOB))).json()
    assert (hers["result"], hers["payload"]) == (PAYLOAD, SHOWN)
    assert (his["result"], his["payload"]) == (SHOWN, SHOWN)


def field_of(page: str) -> str:
    """What a browser has in the payload's field."""
    found = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


async def again(api: ApiServer, address: str, payload: str) -> tuple[int, Any]:
    """Send the form; the status, and the payload that the run got (its worker echoes it)."""
    answer = await api.post(address, data={"payload": payload}, headers={"Sec-Fetch-Site": "same-origin"})
    if answer.status != 303:
        return answer.status, await answer.text()
    run = answer.headers["Location"].rpartition("/")[2]
    ended = await (await api.get(f"/api/v1/runs/{run}?wait=20&reveal=result")).json()
    return answer.status, ended["result"]


async def test_a_form_with_masks_in_it_means_what_they_hide(api: ApiServer) -> None:
    run = await ran(api, await api.worker())
    for page, action in (
        (f"/ui/runs/{run['id']}", f"/ui/runs/{run['id']}/retry"),
        ("/ui/tasks/default/job", "/ui/tasks/default/job/runs"),
    ):
        field = field_of(await (await api.get(page, headers=PAGE)).text())
        assert json.loads(field) == SHOWN
        assert await again(api, action, field) == (303, PAYLOAD)
        changed = field.replace("call with ***", "call").replace('"ada"', '"eve"')
        assert await again(api, action, changed) == (303, {**PAYLOAD, "user": "eve", "note": "call"})
        replaced = changed.replace('"password": "***"', '"password": "new"')
        expected = {**PAYLOAD, "user": "eve", "note": "call", "login": {"password": "new"}}
        assert await again(api, action, replaced) == (303, expected)
        status, text = await again(api, action, field.replace('"ada"', '"eve"'))
        assert (status, "write the values themselves" in text) == (400, True)
        assert CANARY not in text


async def test_a_refusal_of_a_secret_does_not_repeat_it(api: ApiServer) -> None:
    schema = {"type": "object", "properties": {"password": {"type": "integer"}, "n": {"type": "integer"}}}
    await api.define("strict", payloadSchema=schema)
    body = {"payload": {"password": CANARY, "n": "visible"}}
    answer = await (await api.post("/api/v1/tasks/default/strict/runs", json=body)).text()
    assert "visible" in answer
    assert CANARY not in answer


async def test_the_schema_of_a_secret_is_no_secret(api: ApiServer) -> None:
    schema = {"type": "object", "properties": {"password": {"type": "string", "minLength": 3}}}
    await api.define("job", payloadSchema=schema)
    task = await (await api.get("/api/v1/tasks/default/job")).json()
    assert task["manifest"]["payloadSchema"] == schema


async def test_a_message_of_a_worker_is_masked_by_shape(api: ApiServer) -> None:
    (await api.worker()).serve(lambda run: finish_of(run, state="failed", message=f"refused {JWT}"))
    await api.define("job")
    run = await api.run("job")
    ended = await (await api.get(f"/api/v1/runs/{run['id']}?wait=20")).json()
    assert ended["message"] == "refused ***"
