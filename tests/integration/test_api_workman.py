"""The job API at the root paths, as clients of node-workman call it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from nice_operator.web.options import WebOptions
from nice_protocol.messages import Assign
from tests.fakes.worker import finish_of
from tests.support.api import ApiServer, api_server, echoes, returns


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path, WebOptions(unknown_name_wait=timedelta(seconds=0.3))) as server:
        yield server


async def test_tasks_lists_the_names_in_the_order_they_came(api: ApiServer) -> None:
    await api.define("zebra")
    await api.define("apple", taskName="JSON Logger")
    await api.define("elsewhere", namespace="other")

    answer = await api.get("/tasks")

    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert await answer.json() == ["zebra", "JSON Logger"]


@pytest.mark.parametrize(
    ("result", "content_type", "body"),
    [
        (
            '{"a":9007199254740993,"b":1.10}',
            "application/json; charset=utf-8",
            '{"a":9007199254740993,"b":1.10}',
        ),
        ("[]", "application/json; charset=utf-8", "[]"),
        ("0", "application/json; charset=utf-8", "0"),
        ("false", "application/json; charset=utf-8", "false"),
        ('"<b>hi</b> \\u00e9"', "text/plain; charset=utf-8", "<b>hi</b> é"),
        ("null", None, ""),
        ('""', None, ""),
    ],
)
async def test_the_result_is_the_answer(
    api: ApiServer, result: str, content_type: str | None, body: str
) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(returns(result))

    answer = await api.post("/task/job", data=b"{}")

    assert answer.status == 200, await answer.text()
    assert answer.headers.get("Content-Type") == content_type
    assert await answer.text() == body
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    run = await (await api.get(f"/api/v1/runs/{answer.headers['Nice-Run-Id']}")).json()
    assert (run["state"], run["requestedBy"]["trigger"]) == ("succeeded", "api")


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
async def test_the_body_is_json_whatever_its_type_says(api: ApiServer, content_type: str | None) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(echoes)
    headers = {"Content-Type": content_type} if content_type else {}
    skip = () if content_type else ("Content-Type",)

    answer = await api.post(
        "/task/job", data=b'{"n": 9007199254740993}', headers=headers, skip_auto_headers=skip
    )

    assert (answer.status, await answer.text()) == (200, '{"n": 9007199254740993}')


@pytest.mark.parametrize(("spec", "payload"), [({}, "null"), ({"payload": {"n": 2}}, '{"n":2}')])
async def test_no_body_is_the_tasks_default_payload(
    api: ApiServer, spec: dict[str, Any], payload: str
) -> None:
    await api.define("job", **spec)
    worker = await api.worker()
    worker.serve(lambda run: finish_of(run, result=json.dumps(run.payload)))

    assert await (await api.post("/task/job")).text() == payload
    await api.post("/task/job", data="null")
    latest = (await (await api.get("/api/v1/runs")).json())["runs"][0]
    assert latest["payload"] is None, "null that is said is null"


async def test_names_are_percent_decoded(api: ApiServer) -> None:
    await api.define("job", taskName="JSON Logger/ä")
    worker = await api.worker()
    worker.serve(echoes)

    answer = await api.client.session.post(api.base + "/task/JSON%20Logger%2F%C3%A4", data=b"1")

    assert (answer.status, await answer.text()) == (200, "1")


@pytest.mark.parametrize(("state", "status"), [("failed", 500), ("timed_out", 504), ("cancelled", 409)])
async def test_every_other_end_has_its_status_and_names_the_run(
    api: ApiServer, state: str, status: int
) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(lambda run: finish_of(run, state, message="it did not go well"))

    answer = await api.post("/task/job", data=b"1")

    document = await answer.json()
    assert answer.status == document["statusCode"] == status
    assert document["state"] == state
    assert document["message"] == "it did not go well"
    assert document["run"] == answer.headers["Nice-Run-Id"]


async def test_forbid_answers_409_with_the_run_in_the_way(api: ApiServer) -> None:
    await api.define("job", concurrencyPolicy="Forbid")
    first = await api.run("job")

    answer = await api.post("/task/job", data=b"1")

    document = await answer.json()
    assert answer.status == 409
    assert document["run"] == first["id"]


@pytest.mark.parametrize(
    "body",
    [
        b"{", b"NaN", b'{"a":1,"a":2}', b"[" * 100_000, b"1" * 5000, b'"\\ud800"', b"\xff", b"1e999", b"'x'",
    ],
)  # fmt: skip
async def test_what_is_not_strict_json_is_400_and_starts_nothing(api: ApiServer, body: bytes) -> None:
    await api.define("job")

    answer = await api.post("/task/job", data=body)

    document = await answer.json()
    assert answer.status == document["statusCode"] == 400
    assert "Traceback" not in document["message"]
    assert (await (await api.get("/api/v1/runs")).json())["runs"] == []


async def test_a_payload_the_schema_refuses_is_400_with_the_field_named(api: ApiServer) -> None:
    schema = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
    await api.define("job", payloadSchema=schema)

    answer = await api.post("/task/job", data=b'{"name": 5}')

    document = await answer.json()
    assert answer.status == 400
    assert "name" in document["problems"][0]["field"]


async def test_more_than_a_mebibyte_is_413(api: ApiServer) -> None:
    await api.define("job")

    answer = await api.post("/task/job", data=BytesIO(b'"' + b"x" * 1024 * 1024 + b'"'))

    assert (answer.status, (await answer.json())["statusCode"]) == (413, 413)


async def test_an_unknown_name_is_404_with_the_nearest_after_a_wait(api: ApiServer) -> None:
    await api.define("hello")

    answer = await api.post("/task/helo", data=b"1")

    document = await answer.json()
    assert answer.status == 404
    assert document["nearest"] == ["hello"]


async def test_a_name_that_comes_while_we_wait_is_served(tmp_path: Path) -> None:
    async with api_server(tmp_path) as api:
        worker = await api.worker()
        worker.serve(echoes)
        asking = asyncio.create_task(api.post("/task/late", data=b'"x"'))
        await api.get("/tasks")
        await api.define("late")

        answer = await asking

    assert answer.status == 200


async def test_the_same_idempotency_key_comes_back_to_the_same_run(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(returns("42"))
    headers = {"Idempotency-Key": "order-17"}

    answers = await asyncio.gather(*(api.post("/task/job", data=b"1", headers=headers) for _ in range(20)))

    assert {await answer.text() for answer in answers} == {"42"}
    assert len({answer.headers["Nice-Run-Id"] for answer in answers}) == 1
    other = await api.post("/task/job", data=b"2", headers=headers)
    assert other.status == 422


@pytest.mark.parametrize("key", ["", "x" * 256, "ä"])
async def test_a_bad_idempotency_key_is_400(api: ApiServer, key: str) -> None:
    await api.define("job")

    answer = await api.post("/task/job", data=b"1", headers={"Idempotency-Key": key})

    assert answer.status == 400


async def test_a_caller_who_leaves_cancels_nothing(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    await worker.credit(1)
    asking = asyncio.create_task(api.post("/task/job", data=b"1"))
    assignment = await worker.expect(Assign)
    await worker.begin(assignment)

    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await worker.finish(assignment, result="1")

    run = await (await api.get(f"/api/v1/runs/{assignment.run}")).json()
    assert run["state"] == "succeeded"


async def test_a_wrong_method_is_405_and_names_the_right_one(api: ApiServer) -> None:
    answer = await api.get("/task/job")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    patched = await api.client.request("PATCH", "/tasks", headers={"X-HTTP-Method-Override": "GET"})
    document: dict[str, Any] = await patched.json()
    assert (patched.status, patched.headers["Allow"], document["statusCode"]) == (405, "GET, HEAD", 405)
