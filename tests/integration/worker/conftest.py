"""A scripted operator and a real worker connected to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.operator import FakeOperator
from tests.support.containers import TOKEN, Pod
from tests.support.worker import WorkerProcess

StartWorker = Callable[..., WorkerProcess]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """The folder of the task's modules."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    return folder


@pytest.fixture
async def operator(tmp_path: Path) -> AsyncIterator[FakeOperator]:
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    fake = FakeOperator(directory)
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def start_worker(operator: FakeOperator, code: Path) -> Iterator[StartWorker]:
    """Start workers with settings of one's own (environment variables)."""
    started: list[WorkerProcess] = []

    def start(**environment: str) -> WorkerProcess:
        worker = WorkerProcess(operator.directory, code, **environment)
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.end()


@pytest.fixture
def worker(start_worker: StartWorker) -> WorkerProcess:
    return start_worker()


@pytest.fixture
async def pod(operator: FakeOperator) -> AsyncIterator[Pod]:
    """Both containers of a worker, none of them started; the operator asks for the token."""
    operator.behaviour.token = TOKEN
    made = Pod(await operator.listen())
    yield made
    made.remove()
