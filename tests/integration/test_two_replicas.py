"""Two replicas on one MariaDB: whatever is asked of one reaches the workers of the other, by wake-ups over
Redis or, without it, by polling."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp.test_utils import TestClient, TestServer

from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState
from nice_operator.engine.explain import Why
from nice_operator.web.app import RUNNER_OPTIONS, make_app
from nice_operator.web.definitions import NoDefinitions
from nice_operator.web.options import WebOptions
from nice_protocol.messages import Assign, Cancel, Drain, ResumedRun
from tests.fakes.worker import FakeWorker
from tests.support.engine import Harness
from tests.support.mariadb import MariaDb
from tests.support.redis import private_redis, redis_files
from tests.support.replicas import JobWorker, empty_database, replica, until
from tests.support.samples import REQUESTER
from tests.support.servers import private_server

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMySQL, when refused

WITHIN = 15.0


@dataclass
class Two:
    """``a`` is asked, ``b`` has the workers. ``soon``: seconds in which news crosses."""

    a: Harness
    b: Harness
    soon: float


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    with private_server() as made:
        yield made


@pytest.fixture(params=["redis", "polling"])
async def two(request: pytest.FixtureRequest, server: MariaDb, tmp_path: Path) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        url = empty_database(server, "replicas")
        files = None
        if request.param == "redis":
            files = redis_files(tmp_path / "files", stack.enter_context(private_redis(tmp_path / "redis")))
        a = await stack.enter_async_context(replica(url, "a", files))
        b = await stack.enter_async_context(replica(url, "b", files))
        yield Two(a, b, soon=0.8 if files else 3.0)


async def assigned(two: Two, worker: FakeWorker, **spec: object) -> Assign:
    """A run that was asked for at one replica, in the hands of the other's worker."""
    await worker.credit(1)
    await two.a.request(await two.a.task(**spec))
    return await worker.expect(Assign)


async def test_a_run_asked_of_one_is_executed_by_the_others_worker_and_its_result_comes_back(
    two: Two,
) -> None:
    worker = await two.b.worker()
    await worker.credit(1)
    task = await two.a.task()
    began = time.monotonic()
    run = await two.a.request(task)
    waiting = asyncio.create_task(two.a.engine.runs.wait(run.id, WITHIN))
    await worker.begin(given := await worker.expect(Assign))
    await worker.finish(given, result='"done"')

    ended = await waiting
    assert (ended.state, ended.result) == (RunState.SUCCEEDED, '"done"')
    assert time.monotonic() - began < two.soon


async def test_a_cancel_at_one_reaches_the_others_worker(two: Two) -> None:
    worker = await two.b.worker()
    run = await assigned(two, worker)
    await worker.begin(run)

    began = time.monotonic()
    await two.a.engine.runs.cancel(UUID(run.run), REQUESTER)
    assert (await worker.expect(Cancel)).run == run.run
    assert time.monotonic() - began < two.soon
    await two.a.engine.runs.cancel(UUID(run.run), REQUESTER)
    await worker.finish(run, "cancelled")
    assert (await two.a.ended(UUID(run.run))).state is RunState.CANCELLED
    assert worker.unread(Cancel) == []


async def test_a_replaced_run_of_the_others_worker_is_stopped(two: Two) -> None:
    worker = await two.b.worker()
    run = await assigned(two, worker, concurrencyPolicy="Replace")
    await worker.begin(run)

    await two.a.request(await two.a.task(concurrencyPolicy="Replace"))
    assert (await worker.expect(Cancel)).run == run.run


async def test_a_task_deleted_at_one_stops_its_run_at_the_other(two: Two) -> None:
    worker = await two.b.worker()
    run = await assigned(two, worker)
    await worker.begin(run)

    await two.a.engine.tasks.delete("default", "hello")
    assert (await worker.expect(Cancel)).run == run.run


async def test_a_log_is_followed_at_one_while_the_others_worker_writes_it(two: Two) -> None:
    worker = await two.b.worker()
    run = await assigned(two, worker)
    await worker.begin(run)
    lines: list[str] = []

    async def follow() -> None:
        async for chunk in two.a.engine.logs.follow(UUID(run.run)):
            lines.append(chunk.text)  # noqa: PERF401  each line counts when it comes, not at the end

    following = asyncio.create_task(follow())
    await worker.log(run, "one\n")
    assert await until(lambda: lines == ["one\n"]) < two.soon
    await worker.log(run, "two\n", first=2)
    await worker.finish(run)
    async with asyncio.timeout(WITHIN):
        await following
    assert lines == ["one\n", "two\n"]


async def test_one_lists_the_workers_of_both_and_explains_with_them(two: Two) -> None:
    task = await two.a.task()
    run = await two.a.request(task)
    assert (await two.a.engine.tasks.explain(task)).reason is Why.NO_WORKER

    worker = await two.b.worker("far", slots=3)
    own = await two.a.worker("near")
    await until(lambda: [w.worker for w in two.a.engine.workforce.list()] == ["far", "near"])
    far, near = two.a.engine.workforce.list()
    assert (far.replica, near.replica) == ("b", "")
    assert (far.slots, str(far.session)) == (3, worker.session_id)
    assert (await two.a.engine.tasks.explain(task)).reason is Why.WORKERS_BUSY

    await worker.credit(1)
    await worker.begin(await worker.expect(Assign))
    await until(lambda: [r.id for r in two.a.engine.workforce.list()[0].runs] == [run.id])
    await worker.leave()
    await own.leave()
    await until(lambda: two.a.engine.workforce.list() == [])


async def test_a_refusal_at_the_other_is_told_with_its_reason(two: Two) -> None:
    worker = await two.b.worker("far")
    run = await assigned(two, worker)
    await worker.release(run, "not_eligible", "no GPU here")
    await worker.credit(1)
    (summary,) = await two.a.engine.tasks.list()

    async with asyncio.timeout(WITHIN):
        while (why := await two.a.engine.tasks.explain(summary.task)).reason is not Why.NOT_ELIGIBLE:
            await asyncio.sleep(0.05)
    assert "far: no GPU here" in why.message


async def test_a_worker_goes_on_with_its_run_at_the_other_replica(two: Two) -> None:
    worker = await two.b.worker()
    run = await assigned(two, worker)
    await worker.begin(run)
    await worker.leave()

    welcome = await worker.connect(two.a.engine.workers, (ResumedRun(run.run, run.epoch, "running"),))
    assert welcome.discard == []
    assert (await worker.finish(run, result="7")).verdict == "accepted"
    ended = await two.b.ended(UUID(run.run))
    assert (ended.state, ended.result, ended.lost_count) == (RunState.SUCCEEDED, "7", 0)


async def test_a_worker_of_the_other_can_be_drained(two: Two) -> None:
    worker = await two.b.worker()
    await two.a.engine.workforce.drain(SessionId(UUID(worker.session_id)))

    await worker.expect(Drain)
    await until(lambda: [w.draining for w in two.a.engine.workforce.list()] == [True])


async def test_a_job_asked_of_one_is_done_by_the_others_foreign_worker(two: Two) -> None:
    task = await two.a.task("resize", run={"external": {}})
    hub, outside = two.b.engine.external, JobWorker()
    worker = await hub.connect("them", "default", "10.0.0.1", outside)
    hub.register(worker, "resize")
    hub.ask(worker)
    run = await two.a.request(task, json.dumps({"w": 1}))
    async with asyncio.timeout(WITHIN):
        job = await outside.jobs.get()
    assert job.options == '{"w": 1}'

    await two.a.engine.external.result("them", job.nonce, '"small"')  # by a connection to the other replica
    ended = await two.a.ended(run.id)
    assert (ended.state, ended.result) == (RunState.SUCCEEDED, '"small"')


async def test_a_cancel_at_one_ends_the_job_of_the_others_foreign_worker(two: Two) -> None:
    task = await two.a.task("resize", run={"external": {}})
    hub, outside = two.b.engine.external, JobWorker()
    worker = await hub.connect("them", "default", "10.0.0.1", outside)
    hub.register(worker, "resize")
    hub.ask(worker)
    run = await two.a.request(task)
    async with asyncio.timeout(WITHIN):
        await outside.jobs.get()

    began = time.monotonic()
    await two.a.engine.runs.cancel(run.id, REQUESTER)
    assert (await two.a.ended(run.id)).state is RunState.CANCELLED
    assert time.monotonic() - began < two.soon


async def test_one_knows_the_names_that_the_others_foreign_workers_can_do(two: Two) -> None:
    await two.a.task("resize", run={"external": {}})
    hub = two.b.engine.external
    worker = await hub.connect("them", "default", "10.0.0.1", JobWorker())
    hub.register(worker, "resize")

    await until(lambda: two.a.engine.external.serves("default", "resize"))
    assert await two.a.engine.jobs.names("default") == ["resize"]
    hub.disconnect(worker)
    await until(lambda: not two.a.engine.external.serves("default", "resize"))


async def test_both_plan_and_each_fire_has_one_run(two: Two) -> None:
    worker = await two.b.worker()
    worker.serve()
    task = await two.a.task("tick", schedule="1 second")
    await two.b.task("tick", schedule="1 second")
    runs = await two.b.runs_when(task, 4)
    keys = [run.fire_key for run in runs]

    assert len(keys) == len(set(keys))
    fresh = await two.a.store.get_task_by_id(task.id)
    assert fresh is not None


async def test_one_of_the_two_leads_and_both_know_who(two: Two) -> None:
    a, b = two.a.engine.leading, two.b.engine.leading
    assert a is not None
    assert b is not None
    await until(lambda: a.term is not None or b.term is not None)
    leaders = [leading.term for leading in (a, b) if leading.term is not None]
    lead = await two.b.engine.lead()

    assert lead is not None
    assert [lead.term] == leaders


async def test_page_and_api_of_each_tell_of_both_and_of_the_leader(
    two: Two, request: pytest.FixtureRequest
) -> None:
    await two.b.worker("far")
    await until(lambda: [w.replica for w in two.a.engine.workforce.list()] == ["b"])
    leaders = {"a": two.a.engine.leading, "b": two.b.engine.leading}
    await until(lambda: any(leading and leading.term for leading in leaders.values()))
    await until(lambda: len(two.a.engine.roster.replicas) == 2)
    (name,) = [name for name, leading in leaders.items() if leading and leading.term]

    app = make_app(two.a.engine, NoDefinitions(), WebOptions())
    async with TestClient(TestServer(app, **RUNNER_OPTIONS)) as client:
        health = await (await client.get("/api/v1/health")).json()
        listed = (await (await client.get("/api/v1/workers")).json())["workers"]
        page = await (await client.get("/ui/workers")).text()

    assert (health["replica"], health["leads"], health["leader"]["name"]) == ("a", name == "a", name)
    assert {one["name"] for one in health["replicas"]} == {"a", "b"}
    assert health["hearsOthers"] is (True if "redis" in request.node.name else None)
    assert health["version"] == version("nice-operator")
    assert abs(datetime.fromisoformat(health["now"]) - await two.a.engine.store.now()) < timedelta(minutes=1)
    assert {"name": "janitor", "running": name == "a"}.items() <= health["duties"][0].items()
    assert "leading" in {service["name"] for service in health["services"]}
    assert [(one["name"], one["replica"]) for one in listed] == [("far", "b")]
    assert f"{name} (leads)" in page
    assert '<td data-label="Server">b</td>' in page
