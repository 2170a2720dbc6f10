"""Stopping runs for certain, whatever they do about it, and never the run beside them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from nice_protocol.messages import Refused, Started
from tests.fakes.operator import FakeOperator, RunRecord
from tests.support.worker import WorkerProcess, alive, marked, until

STUBBORN = """
import os, signal, subprocess, sys, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)

def run(payload):
    {habit}
    print("up", flush=True)
    while True:
        time.sleep(0.05)
"""

HABITS = {
    "plain": "pass",
    "daemon": (
        "subprocess.Popen(['sh', '-c', \"trap '' TERM; (trap '' TERM; setsid sleep 300 & ) ; "
        'while :; do sleep 1; done"], start_new_session=True)'
    ),
    "double_fork": (
        "\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            while True: time.sleep(1)\n        os._exit(0)"
    ),
    "stopped": (
        "\n    if os.fork() == 0:\n        print('up', flush=True)\n"
        "        os.kill(os.getppid(), signal.SIGSTOP)\n        while True: time.sleep(1)"
    ),
    "subreaper": (
        "import ctypes\n    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "    subprocess.Popen(['sh', '-c', 'sleep 300 & exec sleep 300'], start_new_session=True)"
    ),
    "fork_storm": (
        "\n    for _ in range(3):\n        if os.fork() == 0:\n            while True:\n"
        "                for _ in range(5):\n                    if os.fork() == 0:\n"
        "                        time.sleep(0.2)\n                        os._exit(0)\n"
        "                time.sleep(0.01)\n                try:\n"
        "                    while os.waitpid(-1, os.WNOHANG)[0]: pass\n"
        "                except ChildProcessError: pass"
    ),
}


def _of(record: RunRecord) -> list[int]:
    return marked(f"MARK={record.assign.env['MARK']}")


async def _begin(operator: FakeOperator, habit: str, mark: str, **fields: float) -> RunRecord:
    record = await operator.command(
        "python3",
        "-c",
        STUBBORN.format(habit=HABITS[habit]) + "\nrun(None)",
        env={"MARK": mark},
        **{"timeout": 60.0, "grace": 0.3, **fields},
    )
    await operator.said(record, "up\n")
    return record


@pytest.mark.parametrize("habit", HABITS)
async def test_a_stubborn_run_is_ended_with_all_it_started_and_its_twin_is_not(
    operator: FakeOperator, worker: WorkerProcess, habit: str, tmp_path: object
) -> None:
    twin = await _begin(operator, habit, f"{tmp_path}-twin")
    record = await _begin(operator, habit, f"{tmp_path}-one")
    of_the_twin = set(_of(twin))
    assert len(_of(record)) >= (1 if habit == "plain" else 2)

    await operator.cancel(record)
    finish = await operator.finished(record)

    assert (finish.state, finish.stopped_by) == ("cancelled", "kill"), finish
    assert finish.signal == "SIGKILL"
    assert _of(record) == []
    assert not twin.finishes
    if habit != "fork_storm":
        assert set(_of(twin)) == of_the_twin
    assert len(_of(twin)) >= 1
    await operator.cancel(twin)
    await operator.finished(twin)
    assert _of(twin) == []


async def test_a_timeout_stops_a_run_by_term_when_that_suffices(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    began = time.monotonic()
    record = await operator.python("import time\ndef run(p): time.sleep(60)", timeout=0.3, grace=20)
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("timed_out", "DeadlineExceeded")
    assert (finish.stopped_by, finish.signal) == ("term", "SIGTERM")
    assert time.monotonic() - began < 10
    assert "its time is up" in record.text("system")
    assert "SIGKILL follows after 20 s" in record.text("system")


async def test_a_program_may_use_its_grace_to_tidy_up(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.command(
        "sh", "-c", "trap 'echo tidy; exit 0' TERM; echo up; while :; do sleep 0.05; done", grace=20
    )
    await operator.said(record, "up\n")
    await operator.cancel(record)
    finish = await operator.finished(record)
    assert (finish.state, finish.stopped_by, finish.exit_code) == ("cancelled", "term", 0)
    assert record.text() == "up\ntidy\n"


async def test_children_get_the_grace_too(operator: FakeOperator, worker: WorkerProcess) -> None:
    script = "(trap 'sleep 0.3; echo child tidied; exit' TERM; echo up; while :; do sleep 0.05; done) & wait"
    record = await operator.command("sh", "-c", script, grace=20)
    await operator.said(record, "up\n")
    await operator.cancel(record)
    finish = await operator.finished(record)
    assert finish.stopped_by == "term"
    assert record.text() == "up\nchild tidied\n"


async def test_leftovers_of_a_stopped_run_are_swept_at_the_end_of_its_grace(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    record = await operator.command(
        "sh",
        "-c",
        "(trap '' TERM; while :; do sleep 0.05; done) & echo up; exec sleep 60",
        grace=0.3,
        env={"MARK": f"{tmp_path}"},
    )
    await operator.said(record, "up\n")
    await operator.cancel(record)
    finish = await operator.finished(record)
    assert (finish.stopped_by, finish.signal) == ("sweep", "SIGTERM")
    assert _of(record) == []


async def test_what_a_run_leaves_behind_is_ended_with_it(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    began = time.monotonic()
    record = await operator.command("sh", "-c", "setsid sleep 300 & echo done", env={"MARK": f"{tmp_path}"})
    finish = await operator.finished(record)
    assert (finish.state, finish.stopped_by) == ("succeeded", None)
    assert time.monotonic() - began < 10, "the end of a run is its own end, not that of its output"
    assert _of(record) == []
    assert "1 processes that the run left behind were killed" in record.text("system")


async def test_processor_time_and_memory_of_the_whole_tree_are_reported(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command(
        "sh", "-c", "python3 -c 'x = bytearray(60_000_000)\nfor _ in range(2_000_000): pass'"
    )
    finish = await operator.finished(record)
    assert finish.cpu_seconds is not None
    assert 0.01 < finish.cpu_seconds < 20
    assert finish.peak_memory is not None
    assert 60_000_000 < finish.peak_memory < 200_000_000


async def test_a_run_that_is_cancelled_before_its_start_never_runs(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    operator.behaviour.start = False
    record = await operator.python("def run(p): print('ran')")
    await operator.until(lambda: bool(record.starts), "start")
    await operator.cancel(record)
    await operator.send(Started(record.assign.run, record.assign.epoch))
    finish = await operator.finished(record)
    assert finish.state == "cancelled"
    assert record.text() == ""


async def test_user_code_waits_for_the_start(operator: FakeOperator, worker: WorkerProcess) -> None:
    operator.behaviour.start = False
    record = await operator.python("def run(p): print('ran')")
    await operator.until(lambda: bool(record.starts), "start")
    await operator.send(Refused(record.assign.run, record.assign.epoch, "cancelled"))
    operator.behaviour.start = True
    after = await operator.python("def run(p): return 1")
    assert (await operator.finished(after)).state == "succeeded"
    assert record.chunks == []
    assert record.finishes == []


async def test_a_frozen_supervisor_changes_nothing_about_deadlines(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    record = await _begin(operator, "plain", f"{tmp_path}", timeout=0.8, grace=0.2)
    worker.signal(signal.SIGSTOP)
    pids = _of(record)
    await until(lambda: not any(alive(pid) for pid in pids), "the end of the run", 10)
    worker.signal(signal.SIGCONT)
    finish = await operator.finished(record)
    assert (finish.state, finish.stopped_by) == ("timed_out", "kill")


async def test_runs_end_when_their_supervisor_was_killed(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    record = await _begin(operator, "daemon", f"{tmp_path}", grace=0.5)
    zygote = worker.zygote
    worker.signal(signal.SIGKILL)
    await until(lambda: not _of(record), "the end of the run", 10)
    await until(lambda: not alive(zygote), "the end of the zygote", 10)


async def test_a_run_whose_keeper_is_killed_is_lost_and_leaves_nothing(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    twin = await _begin(operator, "daemon", f"{tmp_path}-twin")
    record = await operator.command(
        "sh",
        "-c",
        "setsid sleep 300 & echo $PPID; sleep 300",
        env={"MARK": f"{tmp_path}-one"},
    )
    await operator.said(record, "\n")
    os.kill(int(record.text()), signal.SIGKILL)
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("lost", "KeeperLost")
    await until(lambda: not _of(record), "the end of the run")
    assert len(_of(twin)) >= 2


async def test_a_dead_zygote_is_replaced_and_its_runs_go_on(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "echo up; sleep 0.5; echo still here")
    await operator.said(record, "up\n")
    first = worker.zygote
    os.kill(first, signal.SIGKILL)
    after = await operator.python("def run(p): return 2")
    assert (await operator.finished(after)).result == "2"
    assert (await operator.finished(record)).state == "succeeded"
    assert record.text() == "up\nstill here\n"
    assert worker.zygote != first
