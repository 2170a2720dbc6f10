"""Logs of real runs: whole, in order, in bounded memory, whatever is written."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.operator import FakeOperator
from tests.integration.worker.conftest import StartWorker
from tests.support.worker import WorkerProcess, marked, until

MIB = 1024 * 1024


def _peak_memory(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


async def test_bytes_that_are_not_text_become_visible_marks(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import os\ndef run(p):\n    os.write(1, b'a\\xffb\\n\\0nul\\n\\xed\\xa0\\x80\\nlast')"
    )
    finish = await operator.finished(record)
    assert record.text() == "a�b\n␀nul\n���\nlast"
    assert finish.log is not None
    assert (finish.log.lines, finish.log.complete) == (4, True)


async def test_a_character_that_arrives_in_two_halves_is_one_character(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.python(
        "import os, time\ndef run(p):\n    os.write(1, b'gr\\xc3')\n    time.sleep(3)\n"
        "    os.write(1, b'\\xbc\\xc3\\x9fe\\n')"
    )
    await operator.finished(record)
    assert record.text() == "grüße\n"


async def test_a_progress_bar_is_seen_before_its_line_ends(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "printf '10%%\\r50%%\\r'; sleep 60")
    await operator.said(record, "10%\r50%\r")
    await operator.cancel(record)
    await operator.finished(record)


async def test_both_streams_share_one_sequence_of_numbers(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "for i in 1 2 3 4 5; do echo $i; echo $i >&2; done")
    finish = await operator.finished(record)
    numbers = [n for chunk in record.chunks for n in range(chunk.first, chunk.first + chunk.lines)]
    assert numbers == list(range(1, 11))
    assert finish.log is not None
    assert finish.log.lines == 10
    assert (record.text(), record.text("stderr")) == ("1\n2\n3\n4\n5\n",) * 2


async def test_two_hundred_megabytes_are_accounted_for_in_bounded_memory(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_LOG_LIMIT_BYTES=str(300 * MIB), NICE_LOG_BUDGET_BYTES=str(64 * MIB))
    record = await operator.command("sh", "-c", "yes 0123456789abcdef0123456789abcde | head -c 200000000")
    finish = await operator.finished(record, 60)
    assert finish.log is not None
    taken = sum(len(chunk.text) for chunk in record.chunks)
    dropped = sum(last - first + 1 for first, last in finish.log.gaps)
    assert taken + dropped * 32 == 200_000_000
    assert finish.log.lines == 200_000_000 // 32
    assert _peak_memory(worker.pid) < 300 * MIB


async def test_two_hundred_megabytes_without_a_newline_pass_too(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_LOG_LIMIT_BYTES=str(MIB), NICE_LOG_BUDGET_BYTES=str(64 * MIB))
    record = await operator.command("head", "-c", "200000000", "/dev/zero")
    finish = await operator.finished(record, 60)
    assert finish.log is not None
    assert finish.log.complete is False
    assert finish.log.lines == finish.log.gaps[-1][1]
    assert "the log has reached its limit of 1048576 characters" in record.text("system")
    assert len(record.text()) <= MIB
    assert _peak_memory(worker.pid) < 150 * MIB


async def test_a_run_ends_in_time_while_the_operator_is_away_and_what_was_dropped_is_named(
    operator: FakeOperator, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker(NICE_LOG_BUDGET_BYTES=str(2 * MIB))
    script = "echo up; sleep 0.3; yes 0123456789abcdef0123456789abcde | head -c 20000000; echo last"
    record = await operator.command("sh", "-c", script, env={"MARK": str(tmp_path)})
    await operator.said(record, "up\n")
    await operator.stop()
    await until(lambda: not marked(f"MARK={tmp_path}"), "the end of the run")
    await operator.start()
    finish = await operator.finished(record)
    assert finish.state == "succeeded"
    assert finish.log is not None
    assert finish.log.complete is False
    assert finish.log.lines == 20_000_000 // 32 + 2
    kept = {n for chunk in record.chunks for n in range(chunk.first, chunk.first + chunk.lines)}
    gaps = {n for first, last in finish.log.gaps for n in range(first, last + 1)}
    assert kept | gaps == set(range(1, finish.log.lines + 1))
    assert not kept & gaps
