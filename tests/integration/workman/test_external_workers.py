"""Workers outside: leases by socket, ends that nobody reports, evidence, restarts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError

from nice_operator.domain.ids import uuid7
from nice_operator.domain.run import Run, RunState
from nice_operator.engine import topics
from nice_operator.engine.external.nonces import Nonces
from nice_operator.ports import HeldRun
from tests.support.workman import WorkmanServer, workman_server

LONG = 300.0


async def test_a_worker_that_is_busy_for_minutes_and_answers_no_ping_keeps_its_job(
    server: WorkmanServer,
) -> None:
    await server.define("work")
    worker = await server.open("/worker", autoping=False)
    await worker.register("work")
    await worker.want()
    asking = asyncio.create_task(server.client.post("/task/work"))
    job = await worker.job()

    async with server.engine.wakeups.subscribe(topics.HOLDINGS):
        for _ in range(10):
            server.clock.offset += int(LONG / 10 * 1_000_000)
            await server.engine.store.reap(frozenset(), server.engine.external.sessions)
    await worker.answer(job, "still here")

    assert await (await asking).text() == "still here"
    (run,) = await server.runs()
    assert (run.attempt, run.lost_count) == (1, 0)


async def test_the_leases_of_open_sockets_are_renewed(tmp_path: Path) -> None:
    async with workman_server(tmp_path / "nice.db", heartbeat=0.05) as server:
        worker = await server.worker("work")
        await worker.want()
        async with server.client.post("/schedule/2020-01-01T00:00:00Z/work") as answer:
            assert answer.status == 200
        await worker.job()
        (run,) = await server.runs()
        server.clock.offset += 20_000_000

        renewed = await _until_renewed(server, run.lease_until)

    assert renewed


async def _until_renewed(server: WorkmanServer, before: object) -> bool:
    async with asyncio.timeout(10):
        while True:
            (run,) = await server.runs()
            if run.lease_until != before:
                return True
            await server.engine.clock.sleep(0.02)


async def test_what_comes_too_late_is_kept_as_evidence_and_changes_nothing(server: WorkmanServer) -> None:
    await server.define("quick", timeoutAfter=200)
    worker = await server.worker("quick")
    await worker.want()
    asking = asyncio.create_task(server.client.post("/task/quick"))
    job = await worker.job()
    answer = await asking

    await worker.answer(job, "too late")
    await worker.answer(job, "even later")

    (run,) = await server.runs()
    attempts = await server.engine.runs.attempts(run.id)
    assert (answer.status, run.state, run.result) == (504, RunState.TIMED_OUT, None)
    assert [(a.state, a.stale) for a in attempts] == [(RunState.TIMED_OUT, False), (RunState.SUCCEEDED, True)]


async def test_a_repeated_result_leaves_no_evidence(server: WorkmanServer) -> None:
    worker = await server.worker("work")
    await worker.want()
    asking = asyncio.create_task(server.client.post("/task/work"))
    job = await worker.job()

    await worker.answer(job, 1)
    await worker.answer(job, 2)

    assert await (await asking).text() == "1"
    (run,) = await server.runs()
    assert len(await server.engine.runs.attempts(run.id)) == 1


async def test_a_restarted_server_takes_the_results_of_jobs_that_the_last_one_gave_out(
    tmp_path: Path,
) -> None:
    async with workman_server(tmp_path / "nice.db") as first:
        worker = await first.worker("work")
        await worker.want()
        asking = asyncio.create_task(first.client.post("/task/work", headers={"Idempotency-Key": "k"}))
        job = await worker.job()
    await asyncio.gather(asking, return_exceptions=True)

    async with workman_server(tmp_path / "nice.db", reconnect_wait=10.0) as second:
        again = await second.open("/worker")
        await again.answer(job, "kept")
        answer = await second.client.post("/task/work", headers={"Idempotency-Key": "k"})
        text = await answer.text()
        (run,) = await second.runs()

    assert (text, run.attempt, run.state) == ("kept", 1, RunState.SUCCEEDED)


async def test_a_job_that_a_restart_interrupted_goes_to_another_worker_and_is_no_loss(tmp_path: Path) -> None:
    async with workman_server(tmp_path / "nice.db") as first:
        worker = await first.worker("work")
        await worker.want()
        async with first.client.post("/schedule/2020-01-01T00:00:00Z/work") as answer:
            assert answer.status == 200
        stale = await worker.job()

    async with workman_server(tmp_path / "nice.db") as second:
        other = await second.worker("work")
        await other.want()
        job = await other.job()
        late = await second.open("/worker")
        await late.answer(stale, "late")
        await other.answer(job, "good")
        (run,) = await second.runs()
        ended = await second.ended(run.id)

    assert job["nonce"] != stale["nonce"]
    assert (ended.result, ended.attempt, ended.lost_count) == ('"good"', 2, 0)


async def test_three_workers_lost_in_a_row_end_the_job(server: WorkmanServer) -> None:
    await server.define("poison")
    asking = asyncio.create_task(server.client.post("/task/poison"))
    for _ in range(3):
        worker = await server.worker("poison")
        await worker.want()
        await worker.job()
        await worker.close()

    answer = await asking

    document = await answer.json()
    assert (answer.status, document["state"]) == (500, "lost")


async def test_cancelling_ends_a_job_at_once_and_its_worker_can_go_on(server: WorkmanServer) -> None:
    worker = await server.worker("work")
    await worker.want()
    asking = asyncio.create_task(server.client.post("/task/work"))
    job = await worker.job()
    (run,) = await server.runs()

    await server.client.post(f"/api/v1/runs/{run.id}/cancel")

    assert (await asking).status == 409
    await worker.answer(job, "too late")
    await worker.want()
    again = asyncio.create_task(server.client.post("/task/work"))
    await worker.answer(await worker.job(), "next")
    assert await (await again).text() == "next"


async def test_a_full_queue_is_dealt_out_evenly_and_never_beyond_what_was_asked(
    server: WorkmanServer,
) -> None:
    await server.define("work")
    answers = [
        asyncio.create_task(server.client.post("/task/work", data=str(number).encode()))
        for number in range(12)
    ]
    async with asyncio.timeout(10):
        while len(await server.runs()) < 12:
            await server.engine.clock.sleep(0.02)
    workers = [await server.worker("work") for _ in range(3)]

    for worker in workers:
        await worker.want(2)
    jobs = [[await worker.job(), await worker.job()] for worker in workers]

    (waiting,) = {r.state for r in await server.runs()} - {RunState.RUNNING}
    held = [run for run in await server.runs() if run.state is RunState.RUNNING]
    assert (waiting, len(held)) == (RunState.QUEUED, 6)
    assert len({job["options"] for pair in jobs for job in pair}) == 6
    for task in answers:
        task.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


async def test_a_nonce_is_good_for_one_identity_alone(server: WorkmanServer) -> None:
    nonces = Nonces(b"k" * 32)
    held = HeldRun((await _a_run(server)).id, 7, next(iter(server.engine.external.sessions)))

    nonce = nonces.make(held, "ada")

    assert nonces.read(nonce, "ada") == held
    assert nonces.read(nonce, "bob") is None
    assert Nonces(b"j" * 32).read(nonce, "ada") is None


async def _a_run(server: WorkmanServer) -> Run:
    await server.worker("work")
    async with server.client.post("/schedule/2999-01-01T00:00:00Z/work"):
        return (await server.runs())[0]


async def test_the_workers_page_and_document_show_workers_outside(server: WorkmanServer) -> None:
    worker = await server.worker("work")
    await worker.want(2)
    asking = asyncio.create_task(server.client.post("/task/work"))
    job = await worker.job()

    (shown,) = (await (await server.client.get("/api/v1/workers")).json())["workers"]
    page = await (await server.client.get("/ui/workers")).text()
    task = await (await server.client.get("/ui/tasks/default/work")).text()

    assert (shown["pool"], shown["free"], [run["task"] for run in shown["runs"]]) == ("external", 1, ["work"])
    assert "external" in page
    assert "work" in task
    await worker.answer(job, None)
    await asking


async def test_view_only_servers_tell_names_and_take_neither_jobs_nor_workers(tmp_path: Path) -> None:
    async with workman_server(tmp_path / "nice.db") as server:
        await server.define("work")

    async with workman_server(tmp_path / "nice.db", view_only=True) as server:
        client = await server.open("/websocket")
        names = await client.ask({"action": "GetTasks"})
        refused = [
            json.loads(await client.ask({"action": "RunTask", "name": "work"})),
            json.loads(
                await client.ask({"action": "ScheduleTask", "name": "work", "when": "2020-01-01T00:00:00Z"})
            ),
            json.loads(await client.ask({"action": "UnscheduleTask", "id": str(uuid7())})),
        ]
        with pytest.raises(WSServerHandshakeError) as error:
            await server.open("/worker")

    assert names == "[]"
    assert all("only shows" in one["error"] for one in refused)
    assert error.value.status == 403


@pytest.mark.parametrize("nonce", ["", "x", "A" * 75, "ä" * 75, "=" * 75])
def test_what_is_no_nonce_stands_for_nothing(nonce: str) -> None:
    assert Nonces(b"k" * 32).read(nonce, "") is None
