"""A run that holds more memory than its task allows is ended alone, before the kernel ends its neighbours."""

from __future__ import annotations

from tests.fakes.operator import FakeOperator
from tests.support.worker import WorkerProcess

MIB = 1024 * 1024

GROW = """
import time
def run(payload):
    held = []
    while True:
        held.append(b"x" * 4_000_000)
        time.sleep(0.01)
"""

SHARE = """
import os, time
def run(payload):
    held = bytearray(os.urandom(1024)) * (48 * 1024)
    children = [os.fork() for _ in range(3)] if payload["together"] else grow_apart()
    if 0 in children:
        time.sleep(1)
        os._exit(0)
    return [os.waitpid(child, 0)[1] for child in children]

def grow_apart():
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            held = bytearray(os.urandom(1024)) * (48 * 1024)
            time.sleep(20)
            os._exit(0)
        children.append(child)
    return children
"""


async def test_a_run_that_grows_beyond_its_limit_is_ended_with_the_reason(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    neighbour = await operator.command("sh", "-c", "echo up; sleep 2; echo 1 >&$NICE_RESULT_FD")
    record = await operator.python(GROW, memory_limit=64 * MIB)
    finish = await operator.finished(record)
    assert (finish.state, finish.reason, finish.stopped_by) == ("failed", "OutOfMemory", "kill")
    assert "its memoryLimit allows 64.0 MiB" in finish.message
    assert finish.peak_memory is not None
    assert 64 * MIB < finish.peak_memory < 160 * MIB
    assert "more memory than its memoryLimit" in record.text("system")
    assert (await operator.finished(neighbour)).result == "1"


async def test_the_same_run_without_a_limit_is_let_grow(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(GROW.replace("while True", "for _ in range(30)"))
    finish = await operator.finished(record)
    assert finish.state == "succeeded"
    assert finish.peak_memory is not None
    assert finish.peak_memory > 100 * MIB


async def test_what_a_run_starts_counts_with_it(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python(SHARE, payload='{"together": false}', memory_limit=128 * MIB)
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("failed", "OutOfMemory")


async def test_memory_that_forks_share_counts_once(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python(SHARE, payload='{"together": true}', memory_limit=128 * MIB)
    finish = await operator.finished(record)
    assert (finish.state, finish.result) == ("succeeded", "[0, 0, 0]")
    assert finish.peak_memory is not None
    assert finish.peak_memory > 128 * MIB, "counted per process it would have been too much"


async def test_a_grandchild_in_a_session_of_its_own_counts_too(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    program = "import time; x = b'x' * 200_000_000; time.sleep(60)"
    record = await operator.command(
        "sh", "-c", f'setsid python3 -c "{program}" & sleep 60', memory_limit=100 * MIB
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("failed", "OutOfMemory")
