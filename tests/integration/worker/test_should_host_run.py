"""A task may refuse a worker: its own function is asked before it starts, apart from the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from nice_protocol.messages import Release, Start
from tests.fakes.operator import FakeOperator, RunRecord
from tests.integration.worker.conftest import StartWorker
from tests.support.worker import WorkerProcess

ASKED = "def should_host_run():\n    open({file!r}, 'a').write('asked\\n')\n    return {answer}\n"
RUN = "def run(payload):\n    return 'ran'\n"


async def released(operator: FakeOperator, record: RunRecord) -> Release:
    """The run handed back."""

    def found() -> list[Release]:
        return [release for release in operator.all(Release) if release.run == record.assign.run]

    await operator.until(lambda: bool(found()), "a release")
    return found()[0]


async def test_a_task_that_wants_this_worker_runs_here(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python("def should_host_run():\n    return True\n" + RUN)
    assert (await operator.finished(record)).result == '"ran"'


async def test_a_task_that_refuses_this_worker_is_handed_back_before_it_starts(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python("def should_host_run():\n    return False\n" + RUN)
    release = await released(operator, record)
    assert release.code == "not_eligible"
    assert release.message == "should_host_run() said no: it returned False"
    assert operator.all(Start) == []


async def test_the_slot_of_a_refused_run_is_free_again(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    start_worker(NICE_SLOTS="1")
    await released(operator, await operator.python("def should_host_run():\n    return False\n" + RUN))
    assert (await operator.finished(await operator.python(RUN, task="other"))).result == '"ran"'


async def test_an_answer_is_believed_for_a_while_and_for_one_version(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "asked"
    source = ASKED.format(file=str(file), answer=True) + RUN
    for generation in (1, 1, 1, 2):
        await operator.finished(await operator.python(source, generation=generation))
    assert file.read_text() == "asked\n" * 2


async def test_many_runs_of_one_version_ask_once(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: Path
) -> None:
    file = tmp_path / "asked"
    source = ASKED.format(file=str(file), answer=False) + RUN
    records = [await operator.python(source) for _ in range(4)]
    for record in records:
        assert (await released(operator, record)).code == "not_eligible"
    assert file.read_text() == "asked\n"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    raise RuntimeError('disk is full')", "it raised RuntimeError: disk is full"),
        ("    pass", "it returned None"),
        ("    import sys; sys.exit(1)", "it raised SystemExit: 1"),
        ("    import os; os._exit(0)", "ended its process without an answer"),
    ],
)
async def test_an_answer_that_is_none_refuses_and_says_why(
    operator: FakeOperator, worker: WorkerProcess, body: str, words: str
) -> None:
    record = await operator.python(f"def should_host_run():\n{body}\n" + RUN)
    assert words in (await released(operator, record)).message


async def test_a_function_that_never_answers_is_stopped(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = "import time\ndef should_host_run():\n    time.sleep(3600)\n" + RUN
    release = await released(operator, await operator.python(source))
    assert release.message == "should_host_run() gave no answer within 5 s"


async def test_an_async_function_is_awaited(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python("async def should_host_run():\n    return True\n" + RUN)
    assert (await operator.finished(record)).state == "succeeded"


async def test_a_module_that_cannot_be_loaded_fails_as_a_run_and_tells_its_error(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python("def should_host_run():\n    return False\n1 / 0\n" + RUN)
    finish = await operator.finished(record)
    assert (finish.state, finish.error_type) == ("failed", "ZeroDivisionError")


async def test_the_module_of_a_function_is_asked_too(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    (code / "picky.py").write_text("def should_host_run():\n    return False\n" + RUN)
    record = await operator.assign({"function": "picky:run"})
    assert (await released(operator, record)).code == "not_eligible"


async def test_what_the_question_prints_is_in_no_log(operator: FakeOperator, worker: WorkerProcess) -> None:
    source = (
        "def should_host_run():\n    print('asked')\n    return True\ndef run(payload):\n    print('ran')\n"
    )
    record = await operator.python(source)
    await operator.finished(record)
    assert record.text() == "ran\n"


async def test_a_run_cut_off_while_it_is_asked_is_asked_on(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    gate.mkdir()
    source = (
        f"import os, time\ndef should_host_run():\n    open({str(gate / 'in')!r}, 'w')\n"
        f"    while not os.path.exists({str(gate / 'out')!r}): time.sleep(0.01)\n    return True\n" + RUN
    )
    record = await operator.python(source)
    await operator.until(lambda: (gate / "in").exists(), "the question")
    await operator.cut()
    await operator.until(lambda: operator.connections == 2, "a new connection")
    (gate / "out").touch()
    assert (await operator.finished(record)).result == '"ran"'
