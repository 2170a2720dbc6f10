"""The three ways to say what a run executes, and what user code finds around itself."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fakes.operator import FakeOperator
from tests.support.worker import WorkerProcess


async def test_source_runs_with_its_payload_and_returns_its_result(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "def run(payload):\n    print('hello', payload['who'])\n    return {'sum': payload['n'] + 1}",
        payload='{"who": "world", "n": 123456789012345678901234567890}',
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("succeeded", "Completed"), finish
    assert finish.result == '{"sum": 123456789012345678901234567891}'
    assert record.text() == "hello world\n"
    assert finish.log is not None
    assert (finish.log.lines, finish.log.complete, finish.log.gaps) == (1, True, [])
    assert finish.exit_code == 0
    assert finish.peak_memory is not None
    assert finish.peak_memory > 1_000_000


async def test_an_async_run_is_awaited(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python(
        "import asyncio\nasync def run(p):\n    await asyncio.sleep(0)\n    return p", payload="[1]"
    )
    assert (await operator.finished(record)).result == "[1]"


async def test_a_function_is_found_in_the_folder_of_the_tasks(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    (code / "jobs.py").write_text("class Box:\n    @staticmethod\n    def double(n):\n        return n * 2\n")
    record = await operator.assign({"function": "jobs:Box.double"}, payload="21")
    assert (await operator.finished(record)).result == "42"


async def test_a_function_is_imported_afresh_by_each_run(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    (code / "jobs.py").write_text("def f(p): return 1\n")
    first = await operator.assign({"function": "jobs:f"})
    await operator.finished(first)
    (code / "jobs.py").write_text("def f(p): return 2\n")
    second = await operator.assign({"function": "jobs:f"})
    assert (await operator.finished(second)).result == "2"
    assert not list(code.glob("__pycache__"))


async def test_a_program_reads_its_payload_and_writes_its_result(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    payload = json.dumps({"text": "x" * 900_000})
    record = await operator.command(
        "sh", "-c", 'wc -c; echo oops >&2; echo "{\\"ok\\": true}" >&"$NICE_RESULT_FD"', payload=payload
    )
    finish = await operator.finished(record)
    assert finish.state == "succeeded", finish
    assert json.loads(finish.result or "") == {"ok": True}
    assert record.text().strip() == str(len(payload))
    assert record.text("stderr") == "oops\n"


async def test_a_program_without_a_result_succeeds_with_null(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    assert (await operator.finished(await operator.command("true"))).result == "null"


async def test_a_programs_exit_code_decides(operator: FakeOperator, worker: WorkerProcess) -> None:
    finish = await operator.finished(await operator.command("sh", "-c", "exit 3"))
    assert (finish.state, finish.reason, finish.exit_code) == ("failed", "ExitCode", 3)


async def test_a_program_that_does_not_exist_is_named_in_the_log(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("no-such-program-anywhere")
    finish = await operator.finished(record)
    assert (finish.state, finish.exit_code) == ("failed", 127)
    assert "not found" in finish.message
    assert "no-such-program-anywhere" in record.text("stderr")


async def test_a_relative_program_is_found_beside_its_definition(
    operator: FakeOperator, worker: WorkerProcess, code: Path
) -> None:
    script = code / "greet.sh"
    script.write_text("#!/bin/sh\necho from the folder\n")
    script.chmod(0o755)
    record = await operator.command("./greet.sh")
    assert (await operator.finished(record)).state == "succeeded"
    assert record.text() == "from the folder\n"
