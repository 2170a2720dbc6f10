"""A worker whose operator comes and goes: nothing is lost, nothing is said twice in other words."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess

import pytest

from nice_protocol.messages import Draining, Heartbeat, Hello, RunRef
from tests.fakes.operator import FakeOperator
from tests.integration.worker.conftest import StartWorker
from tests.support.worker import WorkerProcess, alive, command_name, descendants, marked, until


async def test_a_run_goes_on_while_the_operator_is_away_and_its_result_arrives_once(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "echo up; sleep 0.5; echo down")
    await operator.said(record, "up\n")
    await operator.stop()
    await operator.start()
    finish = await operator.finished(record)
    assert finish.state == "succeeded"
    assert record.text() == "up\ndown\n"
    first, second = operator.all(Hello)
    assert first.session == second.session
    assert [(run.run, run.phase) for run in second.resume] == [(record.assign.run, "running")]
    after = await operator.python("def run(p): return 1")
    await operator.finished(after)
    assert len(record.finishes) == 1


async def test_an_unanswered_report_and_log_are_repeated_in_the_same_words(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    operator.behaviour.settle = operator.behaviour.ack_logs = False
    record = await operator.python("def run(p):\n    print('once')\n    return 5")
    await operator.finished(record)
    await operator.cut()
    operator.behaviour.settle = operator.behaviour.ack_logs = True
    await operator.until(lambda: len(record.finishes) == 2, "the repeated report")
    assert record.finishes[0] == record.finishes[1]
    assert record.chunks[0] == record.chunks[1]
    await operator.cut()
    await operator.until(lambda: operator.connections == 3 and operator.session is not None, "connection")
    await operator.finished(await operator.python("def run(p): return 1"))
    assert operator.all(Hello)[-1].resume == []
    assert len(record.finishes) == 2


async def test_a_start_without_an_answer_is_asked_for_again(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    operator.behaviour.start = False
    record = await operator.python("def run(p): return 1")
    await operator.until(lambda: len(record.starts) == 1, "start")
    operator.behaviour.start = True
    await operator.cut()
    assert (await operator.finished(record)).state == "succeeded"
    assert len(record.starts) == 2


async def test_what_the_operator_discards_is_stopped_and_never_reported(
    operator: FakeOperator, worker: WorkerProcess, tmp_path: object
) -> None:
    record = await operator.command("sh", "-c", "echo up; sleep 60", env={"MARK": f"{tmp_path}"})
    await operator.said(record, "up\n")
    operator.behaviour.discard = [RunRef(record.assign.run, record.assign.epoch)]
    await operator.cut()
    await until(lambda: not marked(f"MARK={tmp_path}"), "the end of the run")
    operator.behaviour.discard = []
    await operator.finished(await operator.python("def run(p): return 1"))
    assert record.finishes == []


async def test_heartbeats_name_the_runs_that_are_held(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.command("sleep", "60")
    ref = RunRef(record.assign.run, record.assign.epoch)
    await operator.until(lambda: any(ref in beat.runs for beat in operator.all(Heartbeat)), "heartbeat")
    await operator.cancel(record)
    await operator.finished(record)
    beats = len(operator.all(Heartbeat))
    await operator.until(lambda: len(operator.all(Heartbeat)) > beats + 1, "two more heartbeats")
    assert operator.all(Heartbeat)[-1].runs == []


async def test_a_lost_lease_stops_what_must_not_overlap_and_nothing_else(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    operator.behaviour.lease = 4.0
    start_worker()
    must_stop = await operator.command("sh", "-c", "echo up; sleep 60", stop_on_lost_lease=True, grace=0.2)
    may_go_on = await operator.command("sh", "-c", "echo up; sleep 60", grace=0.2)
    await operator.said(must_stop, "up\n")
    await operator.said(may_go_on, "up\n")
    operator.behaviour.ack_heartbeats = False
    finish = await operator.finished(must_stop)
    assert (finish.state, finish.reason, finish.stopped_by) == ("lost", "LeaseLost", "term")
    assert not may_go_on.finishes
    await operator.cancel(may_go_on)
    assert (await operator.finished(may_go_on)).state == "cancelled"


async def test_without_a_lease_missed_heartbeats_stop_nothing(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    operator.behaviour.ack_heartbeats = False
    record = await operator.command("sh", "-c", "sleep 4; echo done", stop_on_lost_lease=True)
    assert (await operator.finished(record)).state == "succeeded"


async def test_no_more_runs_at_a_time_than_slots(operator: FakeOperator, start_worker: StartWorker) -> None:
    start_worker(NICE_SLOTS="2")
    first = await operator.command("sleep", "60")
    second = await operator.command("sleep", "60")
    assert operator.session is not None
    assert operator.session.assignable == 0
    await operator.cancel(first)
    await operator.finished(first)
    await operator.until(lambda: operator.session is not None and operator.session.assignable == 1, "credit")
    await operator.cancel(second)
    await operator.finished(second)


async def test_the_hosts_facts_come_with_each_start(operator: FakeOperator, worker: WorkerProcess) -> None:
    record = await operator.python("def run(p): return 1")
    await operator.finished(record)
    host = record.starts[0].host
    assert host.name
    assert host.free_memory is not None
    assert host.free_memory > 10_000_000
    assert host.load_average is not None
    assert len(host.load_average) == 3


# ---------------------------------------------------------------- leaving


async def test_a_drain_finishes_what_runs_and_then_the_worker_leaves(
    operator: FakeOperator, worker: WorkerProcess
) -> None:
    record = await operator.command("sh", "-c", "echo up; sleep 0.5")
    await operator.said(record, "up\n")
    zygote = worker.zygote
    await operator.drain()
    assert (await operator.finished(record)).state == "succeeded"
    assert await worker.ended() == 0
    assert not alive(zygote)


async def test_sigterm_drains_and_interrupts_what_outlasts_its_patience(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_DRAIN_SECONDS="0.3")
    record = await operator.command("sh", "-c", "echo up; sleep 60")
    await operator.said(record, "up\n")
    worker.signal(signal.SIGTERM)
    finish = await operator.finished(record)
    assert (finish.state, finish.interrupted, finish.reason) == ("lost", True, "Interrupted")
    assert await worker.ended() == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, None], ids=["second SIGTERM", "SIGINT"])
async def test_a_worker_that_must_leave_at_once_interrupts_its_runs(
    operator: FakeOperator, worker: WorkerProcess, first: signal.Signals | None
) -> None:
    record = await operator.command(
        "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done", grace=60
    )
    await operator.said(record, "up\n")
    if first is not None:
        worker.signal(first)
        await operator.until(lambda: bool(operator.all(Draining)), "draining")
    worker.signal(first or signal.SIGINT)
    finish = await operator.finished(record)
    assert (finish.interrupted, finish.stopped_by) == (True, "kill")
    assert await worker.ended() == 0


async def test_a_worker_that_is_left_alone_ends(operator: FakeOperator, start_worker: StartWorker) -> None:
    worker = start_worker(NICE_ALONE_SECONDS="0.5")
    await operator.until(lambda: operator.connections == 1, "connection")
    await operator.stop()
    assert await worker.ended() == 0


async def test_a_worker_that_is_left_alone_waits_for_its_runs(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_ALONE_SECONDS="0.2")
    record = await operator.command("sh", "-c", "echo up; sleep 2.5")
    await operator.said(record, "up\n")
    await operator.stop()
    await until(lambda: not any("sleep" in name for name in _names(worker)), "the end of the run")
    assert worker.process.poll() is None
    await operator.start()
    assert (await operator.finished(record)).state == "succeeded"


async def test_a_start_that_nobody_answers_keeps_no_worker_alive(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_ALONE_SECONDS="0.5")
    operator.behaviour.start = False
    record = await operator.python("def run(p): print('ran')")
    await operator.until(lambda: bool(record.starts), "start")
    await operator.stop()
    assert await worker.ended() == 0


async def test_a_worker_told_to_leave_without_an_operator_waits_for_no_start(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker()
    operator.behaviour.start = False
    record = await operator.python("def run(p): print('ran')")
    await operator.until(lambda: bool(record.starts), "start")
    await operator.stop()
    worker.signal(signal.SIGTERM)
    assert await worker.ended() == 0


async def test_a_worker_that_is_left_alone_keeps_what_nobody_has_taken(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_ALONE_SECONDS="0.2")
    record = await operator.command("sh", "-c", "echo up; sleep 0.5; echo 7 >&$NICE_RESULT_FD")
    await operator.said(record, "up\n")
    await operator.stop()
    await until(lambda: not any("sleep" in name for name in _names(worker)), "the end of the run")
    with pytest.raises(subprocess.TimeoutExpired):
        await worker.ended(3)  # many times the patience of one that has nothing to tell
    await operator.start()
    assert (await operator.finished(record)).result == "7"


def _names(worker: WorkerProcess) -> list[str]:
    return [command_name(pid) for pid in descendants(worker.pid)]


# ---------------------------------------------------------------- its lock


async def test_the_lock_names_its_holder_and_a_second_worker_is_refused(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker()
    await operator.until(lambda: operator.connections == 1, "connection")
    holder = json.loads((operator.directory / "worker.lock").read_text())
    assert holder == {"session": operator.all(Hello)[0].session, "pid": worker.pid, "name": "local"}
    second = start_worker()
    assert await second.ended() == 3
    assert f'"pid": {worker.pid}' in second.log.read_text()


async def test_the_lock_outlives_a_killed_supervisor_for_as_long_as_its_runs(
    operator: FakeOperator, start_worker: StartWorker, tmp_path: object
) -> None:
    worker = start_worker()
    record = await operator.command(
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 0.1; done",
        grace=1.0,
        env={"MARK": f"{tmp_path}"},
    )
    await operator.said(record, "up\n")
    worker.signal(signal.SIGKILL)
    worker.process.wait(5)
    lock = operator.directory / "worker.lock"
    assert _held(lock)
    await until(lambda: not _held(lock), "the lock")
    assert not marked(f"MARK={tmp_path}")


def _held(path: os.PathLike[str]) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


async def test_wrong_settings_are_all_named_at_once(
    operator: FakeOperator, start_worker: StartWorker
) -> None:
    worker = start_worker(NICE_SLOTS="many", NICE_DRAIN_SECONDS="-1")
    assert await worker.ended() == 2
    text = worker.log.read_text()
    assert "NICE_SLOTS: expected a whole number from 1 to 1024, found 'many'" in text
    assert "NICE_DRAIN_SECONDS" in text
