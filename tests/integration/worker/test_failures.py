"""How attempts end when user code goes wrong, and that the reason is told."""

from __future__ import annotations

import pytest

from tests.fakes.operator import FakeOperator
from tests.support.worker import WorkerProcess


async def test_an_exception_is_reported_with_its_type_message_and_line(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "class Broken(Exception):\n    pass\n\ndef run(p):\n    try:\n        1 / 0\n"
        "    except ZeroDivisionError:\n        raise Broken('no luck')\n"
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("failed", "Error")
    assert (finish.error_type, finish.message) == ("Broken", "no luck")
    text = record.text("stderr")
    assert "raise Broken('no luck')" in text
    assert "1 / 0" in text
    assert 'File "<task default/hello>", line 8' in text
    assert "zygote" not in text


async def test_a_syntax_error_shows_its_line(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python("def run(p):\n    return (\n")
    finish = await operator.finished(record)
    assert (finish.state, finish.error_type) == ("failed", "SyntaxError")
    assert "line 2" in record.text("stderr")


async def test_source_without_run_is_told_so(operator: FakeOperator, worker: WorkerProcess) -> None:
    finish = await operator.finished(await operator.python("x = 1"))
    assert (finish.state, finish.error_type) == ("failed", "NoRunFunction")
    assert "defines no function run(payload)" in finish.message


async def test_an_exception_whose_str_and_repr_raise_is_still_reported(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "class Nasty(Exception):\n    def __str__(self): raise RuntimeError\n    __repr__ = __str__\n"
        "def run(p): raise Nasty()"
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.error_type) == ("failed", "Nasty")
    assert "raised RuntimeError" in finish.message


@pytest.mark.parametrize(
    ("statement", "state", "exit_code"),
    [
        ("sys.exit()", "succeeded", 0),
        ("sys.exit(0)", "succeeded", 0),
        ("sys.exit(3)", "failed", 3),
        ("sys.exit('no coffee')", "failed", 1),
        ("os._exit(0)", "failed", 0),
        ("os._exit(7)", "failed", 7),
    ],
)
async def test_exits_mean_what_they_mean_in_python(
    operator: FakeOperator, worker: WorkerProcess, statement: str, state: str, exit_code: int
) -> None:
    finish = await operator.finished(await operator.python(f"import os, sys\ndef run(p):\n    {statement}"))
    assert (finish.state, finish.exit_code) == (state, exit_code), finish


async def test_the_text_of_an_exit_is_the_message(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python("import sys\ndef run(p):\n    sys.exit('no coffee')")
    finish = await operator.finished(record)
    assert finish.message == "no coffee"
    assert record.text("stderr") == "no coffee\n"


async def test_a_crash_is_told_by_its_signal(operator: FakeOperator, worker: WorkerProcess) -> None:
    finish = await operator.finished(await operator.python("import os\ndef run(p): os.abort()"))
    assert (finish.state, finish.reason, finish.signal) == ("failed", "Signal", "SIGABRT")
    assert finish.exit_code is None


@pytest.mark.parametrize(
    ("value", "reason", "words"),
    [
        ("'x' * 1_100_000", "ResultTooLarge", "1100002 bytes"),
        ("float('nan')", "ResultNotJson", "not JSON"),
        ("object()", "ResultNotJson", "object"),
        ("'\\ud800'", "ResultNotJson", "surrogate"),
        ("deep()", "ResultNotJson", "nested too deeply"),
        ("cyclic()", "ResultNotJson", "not JSON"),
    ],
)
async def test_a_result_that_cannot_be_kept_fails_and_says_why(
    operator: FakeOperator, worker: WorkerProcess, value: str, reason: str, words: str
) -> None:
    record = await operator.python(
        "def deep():\n    v = []\n    for _ in range(100_000): v = [v]\n    return v\n"
        f"def cyclic():\n    v = []\n    v.append(v)\n    return v\ndef run(p):\n    return {value}"
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.reason, finish.result) == ("failed", reason, None)
    assert words in finish.message
    assert words in record.text("stderr")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('head -c 1100000 /dev/zero | tr "\\0" 1 >&3', "ResultTooLarge"),
        ("head -c 100000000 /dev/zero >&3", "ResultTooLarge"),
        ("echo NaN >&3", "ResultNotJson"),
        ("printf '\\377' >&3", "ResultNotJson"),
        ("printf '{\"a\":' >&3", "ResultNotJson"),
    ],
)
async def test_a_programs_result_is_held_to_the_same(
    operator: FakeOperator, worker: WorkerProcess, script: str, reason: str
) -> None:
    finish = await operator.finished(await operator.command("sh", "-c", script))
    assert (finish.state, finish.reason) == ("failed", reason)


async def test_a_line_that_imitates_a_report_is_only_a_line(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python('def run(p):\n    print(\'{"type": "exited", "code": 0}\')\n    return 1')
    assert (await operator.finished(record)).result == "1"
    assert record.text() == '{"type": "exited", "code": 0}\n'


async def test_a_strict_task_fails_for_an_error_that_nobody_awaited(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = (
        "import threading\ndef boom(): raise ValueError('unseen')\n"
        "def run(p):\n    t = threading.Thread(target=boom); t.start(); t.join(); return 1"
    )
    strict = await operator.finished(await operator.python(source, unhandled_errors="Strict"))
    assert (strict.state, strict.reason, strict.error_type) == ("failed", "UnhandledError", "ValueError")
    warned = await operator.python(source)
    assert (await operator.finished(warned)).state == "succeeded"
    assert "unseen" in warned.text("stderr")
    ignored = await operator.python(source, unhandled_errors="Ignore")
    assert (await operator.finished(ignored)).state == "succeeded"
    assert ignored.text("stderr") == ""


async def test_strictness_reaches_tasks_of_the_event_loop(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import asyncio, gc\nasync def boom(): raise KeyError('lost')\n"
        "async def run(p):\n    t = asyncio.create_task(boom())\n    await asyncio.sleep(0.01)\n"
        "    del t\n    gc.collect()\n    await asyncio.sleep(5)\n",
        unhandled_errors="Strict",
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.reason, finish.error_type) == ("failed", "UnhandledError", "KeyError")


async def test_a_failure_is_reported_even_when_the_task_has_closed_its_output(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import sys\ndef run(p):\n    sys.stdout.close(); sys.stderr.close()\n    raise OSError('gone')"
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.error_type, finish.message) == ("failed", "OSError", "gone")


async def test_a_child_that_returns_from_run_does_not_report_in_its_parents_place(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import os\ndef run(p):\n    pid = os.fork()\n    if pid == 0:\n        return 'child'\n"
        "    os.waitpid(pid, 0)\n    return 'parent'"
    )
    assert (await operator.finished(record)).result == '"parent"'


async def test_an_error_with_a_byte_that_is_no_character_is_told_and_harms_no_other_run(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    beside = await operator.command("sh", "-c", "echo up; sleep 1; echo done")
    await operator.said(beside, "up\n")
    record = await operator.python(
        "def run(p): raise FileNotFoundError(b'caf\\xe9'.decode('utf-8', 'surrogateescape'))"
    )
    finish = await operator.finished(record)
    assert (finish.state, finish.message) == ("failed", "caf\\udce9")
    assert (await operator.finished(beside)).state == "succeeded"
    assert operator.connections == 1


async def test_a_report_that_is_too_long_to_be_sent_is_cut_and_its_run_ends(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import json, os\ndef run(p):\n"
        "    text = json.dumps({'error': {'reason': 'r', 'type': 't', 'message': 'm' * 3000000}}).encode()\n"
        "    while text: text = text[os.write(3, text):]\n"
        "    os._exit(1)"
    )
    finish = await operator.finished(record)
    assert finish.state == "failed"
    assert finish.message.startswith("mmm")
