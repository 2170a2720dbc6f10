"""Runners forked ahead: one waits for the next assignment, and is in nothing different from one that was
not."""

from __future__ import annotations

import json
import os
import signal

from tests.fakes.operator import FakeOperator
from tests.integration.worker.conftest import StartWorker
from tests.support.worker import WorkerProcess, alive, children, command_name, until

WHO = "import os\ndef run(p): return [os.getpid(), os.getppid(), os.getsid(0)]"


def _spares(worker: WorkerProcess) -> list[int]:
    """Runners that wait."""
    keepers = children(worker.zygote)
    return [pid for keeper in keepers for pid in children(keeper) if command_name(pid) == "nice-run"]


async def _waiting(operator: FakeOperator, worker: WorkerProcess, count: int = 1) -> list[int]:
    await operator.until(lambda: operator.session is not None, "the connection")
    await until(lambda: len(_spares(worker)) == count, f"{count} spare runners")
    return _spares(worker)


async def test_an_assignment_finds_a_runner_waiting_and_another_takes_its_place(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    (spare,) = await _waiting(operator, worker)
    for _ in range(3):
        record = await operator.python(WHO, env={"COLOUR": "blue"}, payload="1")
        pid, keeper, session = json.loads((await operator.finished(record)).result or "")
        assert (pid, session) == (spare, spare)
        await until(lambda keeper=keeper: not alive(keeper), "the end of its keeper")  # type: ignore[misc]
        (spare,) = await _waiting(operator, worker)
        assert spare != pid


async def test_two_runs_never_share_a_runner(operator: FakeOperator, start_worker: StartWorker) -> None:
    worker = start_worker(NICE_SPARE_RUNNERS="2", NICE_SLOTS="8")
    await _waiting(operator, worker, 2)
    records = [await operator.python(WHO) for _ in range(8)]
    results = [json.loads((await operator.finished(record)).result or "") for record in records]
    assert len({pid for pid, _, _ in results}) == len({keeper for _, keeper, _ in results}) == 8


async def test_a_spare_that_died_is_not_used(operator: FakeOperator, worker: WorkerProcess) -> None:
    (spare,) = await _waiting(operator, worker)
    os.kill(spare, signal.SIGKILL)
    await until(lambda: not alive(spare), "its end")
    record = await operator.python("def run(p): return 1")
    assert (await operator.finished(record)).result == "1"


async def test_a_new_zygote_gets_new_spares(operator: FakeOperator, worker: WorkerProcess) -> None:
    (spare,) = await _waiting(operator, worker)
    zygote = worker.zygote
    os.kill(zygote, signal.SIGKILL)
    await until(lambda: not alive(spare), "the end of the old one")
    await until(lambda: any(command_name(pid) == "nice-zygote" for pid in children(worker.pid)), "a zygote")
    (fresh,) = await _waiting(operator, worker)
    record = await operator.python(WHO)
    assert json.loads((await operator.finished(record)).result or "")[0] == fresh


async def test_spares_do_not_keep_a_worker_from_leaving(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    (spare,) = await _waiting(operator, worker)
    await operator.drain()
    assert await worker.ended() == 0
    assert not alive(spare)


async def test_without_spares_each_runner_is_forked_when_it_is_needed(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_SPARE_RUNNERS="0")
    record = await operator.python("def run(p): return 1")
    assert (await operator.finished(record)).result == "1"
    await until(lambda: children(worker.zygote) == [], "the end of the run's processes")
