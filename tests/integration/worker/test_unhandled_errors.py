"""Errors that nobody awaits: in threads, asyncio tasks and callbacks, under each policy."""

from __future__ import annotations

import pytest

from tests.fakes.operator import FakeOperator
from tests.integration.worker.conftest import StartWorker
from tests.support.worker import WorkerProcess

THREAD = """
import threading
def run(payload):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return 'ended'
"""
TASK = """
import asyncio
async def fail():
    1 / 0
async def run(payload):
    asyncio.create_task(fail())
    await asyncio.sleep(0.1)
    return 'ended'
"""
KEPT_TASK = """
import asyncio
kept = []
async def fail():
    1 / 0
async def run(payload):
    kept.append(asyncio.create_task(fail()))
    await asyncio.sleep(0.1)
    return 'ended'
"""
CYCLE = """
import asyncio
async def fail():
    1 / 0
async def run(payload):
    box = {'task': asyncio.create_task(fail())}
    box['self'] = box
    await asyncio.sleep(0.1)
    return 'ended'
"""
CALLBACK = """
import asyncio
def fail():
    1 / 0
async def run(payload):
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0.1)
    return 'ended'
"""
FINALIZER = """
class Box:
    def __del__(self):
        1 / 0
def run(payload):
    Box()
    return 'ended'
"""
SOURCES = {
    "thread": THREAD,
    "asyncio task": TASK,
    "asyncio task in a cycle": CYCLE,
    "asyncio task that is kept": KEPT_TASK,
    "asyncio callback": CALLBACK,
    "finalizer": FINALIZER,
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
async def test_strict_fails_the_run_and_its_reason_says_why(
    operator: FakeOperator, worker: WorkerProcess, source: str
) -> None:
    record = await operator.python(source, unhandled_errors="Strict")
    finish = await operator.finished(record)
    assert (finish.state, finish.reason, finish.error_type) == (
        "failed",
        "UnhandledError",
        "ZeroDivisionError",
    )
    assert finish.message == "division by zero"
    assert "1 / 0" in record.text("stderr")


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
async def test_warn_writes_it_to_the_log_and_goes_on(
    operator: FakeOperator, worker: WorkerProcess, source: str
) -> None:
    record = await operator.python(source, unhandled_errors="Warn")
    assert (await operator.finished(record)).result == '"ended"'
    assert "ZeroDivisionError" in record.text("stderr")


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
async def test_ignore_says_nothing(operator: FakeOperator, worker: WorkerProcess, source: str) -> None:
    record = await operator.python(source, unhandled_errors="Ignore")
    assert (await operator.finished(record)).result == '"ended"'
    assert record.text("stderr") == ""


async def test_the_worker_has_a_default_for_tasks_that_choose_none(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    start_worker(NICE_UNHANDLED_ERRORS="Strict")
    assert (await operator.finished(await operator.python(THREAD))).reason == "UnhandledError"
    chosen = await operator.python(THREAD, unhandled_errors="Ignore")
    assert (await operator.finished(chosen)).state == "succeeded"
