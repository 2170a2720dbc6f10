"""``/api/v1``: tasks, runs and logs as programs use them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from nice_protocol.messages import Assign, Cancel, LogEnd
from tests.fakes.worker import finish_of
from tests.support.api import ApiServer, api_server, echoes, returns


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    async with api_server(tmp_path) as server:
        yield server


async def events_of(answer: ClientResponse) -> list[tuple[str, str | None, Any]]:
    """All events of a stream that ends: name, id, document."""
    events = []
    for block in (await answer.text()).split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            events.append((fields["event"], fields.get("id"), json.loads(fields["data"])))
    return events


async def test_a_task_tells_its_schedule_its_runs_and_its_manifest(api: ApiServer) -> None:
    await api.define("job", schedule="0 2 * * 1-5", timeZone="Europe/Berlin", payload={"n": 9007199254740993})

    listed = (await (await api.get("/api/v1/tasks")).json())["tasks"]
    task = await (await api.get("/api/v1/tasks/default/job")).json()
    upcoming = await (await api.get("/api/v1/tasks/default/job/upcoming?count=3")).json()
    explained = await (await api.get("/api/v1/tasks/default/job/explain")).json()

    assert [t["name"] for t in listed] == ["job"]
    assert task["manifest"]["schedule"] == "0 2 * * 1-5"
    assert task["payload"] == {"n": 9007199254740993}
    assert "02:00" in task["scheduleInWords"]
    assert upcoming["timeZone"] == "Europe/Berlin"
    assert len(upcoming["fires"]) == 3
    assert upcoming["fires"][0]["at"] == task["nextFireAt"]
    assert explained["reason"] == "Scheduled"


async def test_a_spread_minute_is_the_same_in_words_and_in_the_next_fire(api: ApiServer) -> None:
    await api.define("job", schedule="H 6 * * *")
    task = await (await api.get("/api/v1/tasks/default/job")).json()
    assert task["nextFireAt"][11:16] in task["scheduleInWords"]


async def test_a_run_is_created_found_and_waited_for(api: ApiServer) -> None:
    await api.define("job")
    created = await api.post("/api/v1/tasks/default/job/runs", json={"payload": {"name": "Ada"}})
    location = created.headers["Location"]
    waiting = asyncio.create_task(api.get(location + "?wait=20"))
    worker = await api.worker()
    worker.serve(echoes)

    run = await (await waiting).json()

    assert created.status == 201
    assert (run["state"], run["payload"], run["result"]) == ("succeeded", {"name": "Ada"}, {"name": "Ada"})
    assert run["host"] == {"name": "fake-host", "freeMemory": 1000000, "loadAverage": [0.1, 0.2, 0.3]}
    assert [attempt["state"] for attempt in run["attempts"]] == ["succeeded"]


async def test_payload_and_result_keep_every_digit(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(returns('{"big":12345678901234567890,"float":1.10}'))
    body = b'{"payload":{"big":12345678901234567890,"float":1.10}}'

    created = await api.post(
        "/api/v1/tasks/default/job/runs", data=body, headers={"Content-Type": "application/json"}
    )
    text = await (await api.get(created.headers["Location"] + "?wait=20")).text()

    assert '"result":{"big":12345678901234567890,"float":1.10}' in text
    assert '"payload":{"big":12345678901234567890,"float":1.10}' in text


async def test_without_a_body_the_default_payload_is_taken(api: ApiServer) -> None:
    await api.define("job", payload={"name": "Ada"})
    answer = await api.post("/api/v1/tasks/default/job/runs")
    assert (answer.status, (await answer.json())["payload"]) == (201, {"name": "Ada"})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("[1]", "must be an object"),
        ('{"payloads": 1}', "unknown field 'payloads'"),
        ('{"payload": NaN}', ""),
        ('{"payload": ' + "[" * 40 + "]" * 40 + "}", "deep"),
        ('{"payload": 1, "payload": 2}', "twice"),
    ],
)
async def test_a_wrong_body_is_400_in_plain_words(api: ApiServer, body: str, words: str) -> None:
    await api.define("job")
    headers = {"Content-Type": "application/json"}

    answer = await api.post("/api/v1/tasks/default/job/runs", data=body, headers=headers)

    assert answer.status == 400
    assert words in (await answer.json())["message"]


async def test_a_body_that_is_not_declared_as_json_is_415(api: ApiServer) -> None:
    await api.define("job")
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await api.post("/api/v1/tasks/default/job/runs", data="{}", headers={"Content-Type": kind})
        assert answer.status == 415


async def test_the_same_key_makes_one_run_and_another_body_is_422(api: ApiServer) -> None:
    await api.define("job")
    key = {"Idempotency-Key": "once"}

    first = await api.post("/api/v1/tasks/default/job/runs", json={"payload": 1}, headers=key)
    again = await api.post("/api/v1/tasks/default/job/runs", json={"payload": 1}, headers=key)
    other = await api.post("/api/v1/tasks/default/job/runs", json={"payload": 2}, headers=key)

    assert (first.status, again.status, other.status) == (201, 200, 422)
    assert (await first.json())["id"] == (await again.json())["id"]


async def test_lists_are_filtered_and_paged_to_the_end(api: ApiServer) -> None:
    await api.define("job")
    await api.define("other")
    made = [(await api.run("job"))["id"] for _ in range(5)]
    await api.run("other")

    seen, cursor = [], ""
    while cursor is not None:
        page = await (await api.get(f"/api/v1/runs?task=job&limit=2&cursor={cursor}")).json()
        seen += [run["id"] for run in page["runs"]]
        cursor = page["next"]

    assert seen == made[::-1]
    none = await (await api.get("/api/v1/runs?state=failed,lost&namespace=default")).json()
    assert none["runs"] == []


@pytest.mark.parametrize(
    "query", ["state=gone", "limit=ten", "cursor=abc", "limit=%D9%A1", "cursor=' OR 1=1"]
)
async def test_a_wrong_filter_is_400(api: ApiServer, query: str) -> None:
    assert (await api.get(f"/api/v1/runs?{query}")).status == 400


async def test_a_limit_out_of_bounds_is_clamped(api: ApiServer) -> None:
    for limit in ("-1", "999999999", "18446744073709551616"):
        assert (await api.get(f"/api/v1/runs?limit={limit}")).status == 200


@pytest.mark.parametrize(
    "run_id",
    [
        "01890000-0000-7000-8000-000000000000", "..%2F", "%00", "'%20OR%201=1", "🎉",
        "01890000-0000-7000-8000-00000000000A", "{01890000-0000-7000-8000-000000000000}",
    ],
)  # fmt: skip
async def test_every_id_that_names_nothing_is_404_in_the_same_words(api: ApiServer, run_id: str) -> None:
    answer = await api.get(f"/api/v1/runs/{run_id}")
    document = await answer.json()
    assert answer.status == 404
    assert "there is no run" in document["message"]


async def test_a_queued_run_is_cancelled_at_once_and_again_is_the_same(api: ApiServer) -> None:
    await api.define("job")
    run = await api.run("job")

    first = await api.post(f"/api/v1/runs/{run['id']}/cancel")
    again = await api.post(f"/api/v1/runs/{run['id']}/cancel")

    assert (first.status, again.status) == (200, 200)
    assert (await first.json())["state"] == "cancelled"


async def test_a_running_run_is_told_to_stop(api: ApiServer) -> None:
    await api.define("job")
    run = await api.run("job")
    worker = await api.worker()
    await worker.credit(1)
    assignment = await worker.expect(Assign)
    await worker.begin(assignment)

    answer = await api.post(f"/api/v1/runs/{run['id']}/cancel")
    await worker.expect(Cancel)
    await worker.finish(assignment, "cancelled")
    late = await api.post(f"/api/v1/runs/{run['id']}/cancel")

    assert answer.status == 202
    assert (await answer.json())["cancelRequestedAt"]
    assert (late.status, (await late.json())["state"]) == (200, "cancelled")


async def test_an_ended_run_cannot_be_cancelled(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(returns("1"))
    run = await api.run("job")
    await api.get(f"/api/v1/runs/{run['id']}?wait=20")

    answer = await api.post(f"/api/v1/runs/{run['id']}/cancel")

    assert answer.status == 409
    assert "succeeded" in (await answer.json())["message"]


async def test_a_run_is_repeated_with_its_payload_or_another(api: ApiServer) -> None:
    await api.define("job")
    run = await api.run("job", payload=[1])

    same = await api.post(f"/api/v1/runs/{run['id']}/retry")
    other = await api.post(f"/api/v1/runs/{run['id']}/retry", json={"payload": [2]})

    assert (same.status, (await same.json())["payload"], (await same.json())["rerunOf"]) == (
        201,
        [1],
        run["id"],
    )
    assert (await other.json())["payload"] == [2]


async def logged_run(api: ApiServer) -> str:
    """A run that ended with three lines, the last of them an error."""
    await api.define("job")
    run = await api.run("job")
    worker = await api.worker()
    await worker.credit(1)
    assignment = await worker.expect(Assign)
    await worker.begin(assignment)
    await worker.log(assignment, "\x1b[32mone\x1b[0m\n10 %\r100 %\n")
    await worker.log(assignment, "oops\u202e\n", first=3, stream="stderr")
    await worker.finish(assignment, result="1", log=LogEnd(3, True))
    return str(run["id"])


async def test_a_log_is_read_in_pages(api: ApiServer) -> None:
    run = await logged_run(api)

    first = await (await api.get(f"/api/v1/runs/{run}/logs")).json()
    rest = await (await api.get(f"/api/v1/runs/{run}/logs?after={first['next']}")).json()

    assert "".join(chunk["text"] for chunk in first["chunks"]).endswith("oops\u202e\n")
    assert first["log"] == {"lines": 3, "complete": True, "gaps": []}
    assert (rest["chunks"], rest["next"]) == ([], 3)


async def test_the_raw_download_keeps_every_byte_and_the_formatted_one_is_to_read(api: ApiServer) -> None:
    run = await logged_run(api)

    raw = await api.get(f"/api/v1/runs/{run}/logs/raw")
    formatted = await api.get(f"/api/v1/runs/{run}/logs/formatted")

    assert await raw.text() == "\x1b[32mone\x1b[0m\n10 %\r100 %\noops\u202e\n"
    lines = (await formatted.text()).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["stdout one", "stdout 100 %", "stderr oops\\u202e"]
    for answer in (raw, formatted):
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="job-')


async def test_a_log_is_followed_to_its_end_and_resumed_where_it_broke(api: ApiServer) -> None:
    run = await logged_run(api)

    everything = await events_of(await api.get(f"/api/v1/runs/{run}/logs/events"))
    resumed = await events_of(
        await api.get(f"/api/v1/runs/{run}/logs/events", headers={"Last-Event-ID": "1:2"})
    )

    assert [name for name, _, _ in everything][-1] == "end"
    assert everything[-1][2]["log"] == {"lines": 3, "complete": True, "gaps": []}
    assert [document["text"] for name, _, document in resumed if name == "log"] == ["oops\u202e\n"]
    assert resumed[0][1] == "1:3"


async def test_following_goes_on_through_a_retry(api: ApiServer) -> None:
    await api.define("job", retry={"maxAttempts": 2, "backoff": {"initialSeconds": 0}})
    run = await api.run("job")
    worker = await api.worker()
    await worker.credit(2)
    following = asyncio.create_task(api.get(f"/api/v1/runs/{run['id']}/logs/events"))
    for state in ("failed", "succeeded"):
        assignment = await worker.expect(Assign)
        await worker.begin(assignment)
        await worker.log(assignment, f"{state}\n")
        await worker.finish(assignment, state, log=LogEnd(1, True))

    events = await events_of(await following)

    assert [(id_, d["attempt"], d["text"]) for name, id_, d in events if name == "log"] == [
        ("1:1", 1, "failed\n"),
        ("2:1", 2, "succeeded\n"),
    ]


async def test_workers_are_listed_with_what_they_hold(api: ApiServer) -> None:
    await api.define("job")
    await api.run("job")
    worker = await api.worker("w1", slots=3)
    await worker.credit(1)
    await worker.expect(Assign)

    listed = (await (await api.get("/api/v1/workers")).json())["workers"]

    assert [(w["name"], w["slots"], [r["task"] for r in w["runs"]]) for w in listed] == [("w1", 3, ["job"])]


async def test_the_stream_of_changes_says_when_to_look_again(api: ApiServer) -> None:
    stream = await api.get("/api/v1/events")
    assert await stream.content.readuntil(b"event: ready\n")

    await api.define("job")

    async with asyncio.timeout(10):
        assert await stream.content.readuntil(b"event: change\n")
    stream.close()


async def test_health_and_readiness(api: ApiServer) -> None:
    assert (await api.get("/healthz")).status == 200
    assert (await api.get("/readyz")).status == 200


async def test_an_attempt_that_there_is_not_is_not_found(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(echoes)
    run = (await api.run("job"))["id"]
    await (await api.get(f"/api/v1/runs/{run}?wait=10")).read()

    answers = [await api.get(f"/api/v1/runs/{run}/logs{kind}?attempt=5") for kind in ("", "/raw", "/events")]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert "has no attempt 5; so far there was 1 attempt" in (await answers[0].json())["message"]


async def test_a_raised_exception_is_told_with_its_type(api: ApiServer) -> None:
    await api.define("job")
    worker = await api.worker()
    worker.serve(
        lambda run: finish_of(run, "failed", reason="Error", error_type="ValueError", message="no luck")
    )

    run = (await api.run("job"))["id"]
    ended = await (await api.get(f"/api/v1/runs/{run}?wait=10")).json()

    assert (ended["reason"], ended["message"]) == ("Error", "ValueError: no luck")
    assert ended["attempts"][0]["message"] == "ValueError: no luck"


async def test_a_task_answers_to_both_its_names_at_every_door(api: ApiServer) -> None:
    await api.define("word-count", taskName="Word Count")
    worker = await api.worker()
    worker.serve(echoes)
    doors = [f"/task/{name}" for name in ("word-count", "Word%20Count")]
    doors += [f"/api/v1/tasks/default/{name}/runs" for name in ("word-count", "Word%20Count")]

    answers = [await api.client.session.post(api.base + door) for door in doors]

    assert [answer.status for answer in answers] == [200, 200, 201, 201]


async def test_a_taskname_comes_first_at_the_root_and_the_resource_name_in_the_api(api: ApiServer) -> None:
    await api.define("a", taskName="b")
    await api.define("b", taskName="c")
    worker = await api.worker()
    worker.serve(echoes)

    at_root = await api.client.session.post(api.base + "/task/b")
    by_root = await (await api.get(f"/api/v1/runs/{at_root.headers['Nice-Run-Id']}")).json()

    assert (by_root["task"], (await api.run("b"))["task"]) == ("a", "b")


async def test_the_api_begins_with_an_index_of_addresses_that_answer(api: ApiServer) -> None:
    places = await (await api.get("/api/v1")).json()

    assert places["openapi"] == "/api/v1/openapi.json"
    assert [(await api.get(place)).status for place in places.values()] == [200] * len(places)


async def test_an_error_page_begins_its_sentence_with_a_capital(api: ApiServer) -> None:
    page = await (await api.get("/ui/tasks/default/nope", headers={"Accept": "text/html"})).text()

    assert '<p class="lead">There is no task' in page
