"""A task that was asked for before and has changed since: what counts is its present version."""

from __future__ import annotations

from typing import Any

from tests.support.workman import Peer, WorkmanServer

LATER = "2099-01-01T00:00:00Z"


def taking(kind: str) -> dict[str, Any]:
    """A task whose payload is of that type."""
    return {"payloadSchema": {"type": kind}, "payload": {"string": "", "number": 0}[kind]}


async def ask(server: WorkmanServer, worker: Peer, options: Any) -> Any:
    """A job's payload, as its worker got it; None when it was refused."""
    client = await server.open("/websocket")
    await client.say({"action": "RunTask", "name": "work", "options": options, "nonce": 1})
    await worker.want()
    job = await worker.job()
    await worker.answer(job, None)
    await client.hear()
    return job["options"]


async def test_a_payload_that_only_the_present_version_takes_is_taken(server: WorkmanServer) -> None:
    await server.define("work", **taking("string"))
    worker = await server.worker("work")
    assert await ask(server, worker, "text") == "text"
    await server.define("work", **taking("number"))

    assert await ask(server, worker, 7) == 7


async def test_a_payload_that_only_an_earlier_version_took_is_refused(server: WorkmanServer) -> None:
    await server.define("work", **taking("string"))
    worker = await server.worker("work")
    assert await ask(server, worker, "text") == "text"
    await server.define("work", **taking("number"))

    answer = await server.client.post("/task/work", json="text")

    assert answer.status == 400
    assert "number" in (await answer.json())["message"]


async def test_a_task_that_was_deleted_comes_back_when_it_is_scheduled(server: WorkmanServer) -> None:
    worker = await server.worker("work")
    assert await ask(server, worker, 1) == 1
    (summary,) = await server.engine.tasks.list()
    await server.store.delete_task(summary.task.id)

    answer = await server.client.post(f"/schedule/{LATER}/work", json=1)

    assert answer.status == 200
    (again,) = await server.engine.tasks.list()
    assert (again.task.id, again.active) == (summary.task.id, 1)
