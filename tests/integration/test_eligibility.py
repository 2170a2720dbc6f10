"""Runs that a worker hands back because their task does not want it: who gets them, what people are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.domain.run import RunState
from nice_operator.engine.explain import Why
from nice_protocol.messages import NOT_ELIGIBLE, Assign
from tests.fakes.worker import FakeWorker
from tests.support.api import api_server
from tests.support.engine import Harness, running_engine
from tests.support.product import Product


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_engine(tmp_path / "nice.db") as harness:
        yield harness


async def refused(engine: Harness, worker: FakeWorker) -> Assign:
    """A run that the worker was given and handed back."""
    await worker.credit(1)
    await engine.request(await engine.task())
    run = await worker.expect(Assign)
    await worker.release(run, NOT_ELIGIBLE, "should_host_run() said no: it returned False")
    await engine.state(UUID(run.run), RunState.QUEUED)
    return run


async def test_a_refused_run_stays_queued_uncounted_and_is_explained(engine: Harness) -> None:
    worker = await engine.worker("picky")
    run = await refused(engine, worker)

    waiting = await engine.engine.runs.get(UUID(run.run))
    assert (waiting.state, waiting.attempt) == (RunState.QUEUED, 0)
    explanation = await engine.engine.tasks.explain(await engine.task())
    assert explanation.reason is Why.NOT_ELIGIBLE
    assert "picky: should_host_run() said no" in explanation.message


async def test_a_worker_is_not_offered_again_what_it_refused_but_everything_else(engine: Harness) -> None:
    worker = await engine.worker("picky")
    run = await refused(engine, worker)

    await worker.credit(1)
    await engine.request(await engine.task("other"))

    assert (await worker.expect(Assign)).task == "other"
    assert (await engine.engine.runs.get(UUID(run.run))).epoch == 1


async def test_another_worker_gets_what_one_refused(engine: Harness) -> None:
    run = await refused(engine, await engine.worker("picky"))

    other = await engine.worker("willing")
    await other.credit(1)

    assert (await other.expect(Assign)).run == run.run


async def test_a_worker_that_comes_back_may_refuse_again(engine: Harness) -> None:
    worker = await engine.worker("picky")
    run = await refused(engine, worker)

    await worker.leave()
    await worker.connect(engine.engine.workers)
    await worker.credit(1)
    again = await worker.expect(Assign)
    await worker.release(again, NOT_ELIGIBLE, "no")

    assert again.run == run.run
    assert (await engine.state(UUID(run.run), RunState.QUEUED)).attempt == 0


async def test_the_api_and_the_page_say_why_it_waits(tmp_path: Path) -> None:
    async with api_server(tmp_path) as api:
        await api.define("hello")
        worker = await api.worker("picky")
        await worker.credit(1)
        await api.run("hello")
        run = await worker.expect(Assign)
        await worker.release(run, NOT_ELIGIBLE, "should_host_run() said no: it returned False")

        async with api.engine.wakeups.subscribe("queue") as changed:
            while True:
                answer = await (await api.get("/api/v1/tasks/default/hello/explain")).json()
                if answer["reason"] == "NotEligible":
                    break
                await changed.wait(0.2)
        assert "picky: should_host_run() said no: it returned False" in answer["message"]
        page = await (await api.get("/ui/tasks/default/hello")).text()
        assert "picky: should_host_run() said no: it returned False" in page


async def test_a_selector_that_no_worker_satisfies_is_explained_too(engine: Harness) -> None:
    await engine.worker("plain")
    task = await engine.task(workerSelector={"gpu": "yes"})
    await engine.request(task)
    explanation = await engine.engine.tasks.explain(task)
    assert explanation.reason is Why.NO_WORKER
    assert "with the labels gpu=yes" in explanation.message


def test_the_whole_product_lets_a_task_wait_for_a_host_that_it_wants(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    marker = tmp_path / "marker"
    (folder / "picky.yaml").write_text(
        "apiVersion: nicecommander.dev/v1beta1\nkind: NiceTask\nmetadata: {name: picky}\n"
        "spec:\n  timeoutAfter: 1 minute\n  run:\n    python:\n      source: |\n"
        "        import os\n\n        def should_host_run():\n"
        f"            return os.path.exists({str(marker)!r})\n\n"
        "        def run(payload):\n            return 'ran'\n"
    )
    with Product(folder, tmp_path / "data") as product:
        product.await_worker()
        run = product.post("/api/v1/tasks/default/picky/runs", {})
        why = product.until("/api/v1/tasks/default/picky/explain", lambda d: d["reason"] == "NotEligible")
        assert "it returned False" in why["message"]
        assert product.get(f"/api/v1/runs/{run['id']}")["state"] == "queued"
