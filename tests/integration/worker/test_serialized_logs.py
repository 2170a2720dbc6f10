"""A task's own words for its log lines: beside the lines, never in their place, and never in their way."""

from __future__ import annotations

from tests.fakes.operator import FakeOperator, RunRecord
from tests.support.worker import WorkerProcess

PRINTS = "def run(payload):\n    print('one')\n    print('two')\n"


def shown(record: RunRecord) -> list[str | None]:
    """What people read, line by line, of what the run wrote; None where it is the line itself."""
    return [
        text
        for chunk in record.chunks
        if chunk.stream != "system"
        for text in (chunk.shown or [None] * chunk.lines)
    ]


async def test_each_line_has_the_text_that_the_task_gives_it_and_stays_as_it_is(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = "def serialize_log_event(event):\n    return event['stream'] + ': ' + event['message'].upper()\n"
    record = await operator.python(source + PRINTS)
    assert (await operator.finished(record)).log is not None
    assert record.text() == "one\ntwo\n"
    assert shown(record) == ["stdout: ONE", "stdout: TWO"]


async def test_the_lines_of_a_child_process_are_serialized_too(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = (
        "import subprocess\ndef serialize_log_event(event):\n    return '<' + event['message'] + '>'\n"
        "def run(payload):\n    subprocess.run(['echo', 'child'])\n"
    )
    record = await operator.python(source)
    await operator.finished(record)
    assert shown(record) == ["<child>"]


async def test_an_event_has_the_time_in_milliseconds(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python(
        "def serialize_log_event(event):\n    return str(event['timestamp'])\n" + PRINTS
    )
    await operator.finished(record)
    assert shown(record)[0] == str(record.chunks[0].at // 1000)


async def test_a_function_that_fails_leaves_the_line_and_says_so_once(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = (
        "def serialize_log_event(event):\n    if event['message'] == 'one': raise KeyError('level')\n"
        "    return 'second'\n"
    )
    record = await operator.python(source + PRINTS)
    finish = await operator.finished(record)
    assert finish.state == "succeeded"
    assert shown(record) in (["one", "second"], [None, "second"])
    assert record.text("system").count("serialize_log_event: it raised KeyError: 'level'") == 1


async def test_a_function_that_returns_no_text_leaves_the_line(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python("def serialize_log_event(event):\n    return 7\n" + PRINTS)
    await operator.finished(record)
    assert shown(record) == [None, None]
    assert "it returned int; expected str" in record.text("system")


async def test_a_function_that_hangs_loses_nothing(operator: FakeOperator, worker: WorkerProcess) -> None:
    source = "import time\ndef serialize_log_event(event):\n    time.sleep(3600)\n"
    record = await operator.python(source + PRINTS)
    finish = await operator.finished(record, timeout=40)
    assert finish.log is not None
    assert finish.log.complete
    assert record.text() == "one\ntwo\n"
    assert "serialize_log_event gave no answer within 10 s" in record.text("system")


async def test_a_function_that_ends_its_process_loses_nothing(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python("import os\ndef serialize_log_event(event):\n    os._exit(3)\n" + PRINTS)
    await operator.finished(record)
    assert record.text() == "one\ntwo\n"
    assert "the process of serialize_log_event ended by itself" in record.text("system")


async def test_many_lines_keep_their_order_and_their_texts(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = (
        "def serialize_log_event(event):\n    return 'n' + event['message']\n"
        "def run(payload):\n    for n in range(20000):\n        print(n)\n"
    )
    record = await operator.python(source)
    finish = await operator.finished(record, timeout=60)
    assert finish.log is not None
    assert finish.log.complete
    assert shown(record) == [f"n{n}" for n in range(20000)]
    assert [chunk.first for chunk in record.chunks] == sorted(chunk.first for chunk in record.chunks)


async def test_a_line_that_is_too_long_is_shown_as_it_is(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    source = (
        "def serialize_log_event(event):\n    return 'short'\n"
        "def run(payload):\n    print('x' * 200_000)\n    print('after')\n"
    )
    record = await operator.python(source)
    await operator.finished(record)
    assert record.text() == "x" * 200_000 + "\nafter\n"
    assert "short" not in shown(record)[:3]
