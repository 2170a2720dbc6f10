"""Supervisor and zygote in two containers: they meet at a socket, and each may go and come back alone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from nice_protocol.messages import Hello
from nice_runner.supervisor.life import TICK_SECONDS
from tests.fakes.operator import FakeOperator
from tests.support.containers import RUNNER_USER, SECRET, Pod
from tests.support.worker import alive, command_name, descendants, until

LOOK = """
import os, sys
def run(path):
    def read(path):
        try:
            return open(path).read()
        except OSError as error:
            return type(error).__name__
    return {
        "user": os.getuid(), "secret": os.environ.get("POOL_SECRET"), "token": read(path),
        "names": sorted(os.environ), "path": sys.path, "directory": os.getcwd(),
    }
"""


async def test_runs_are_the_other_containers_and_the_token_is_not_theirs(
    operator: FakeOperator, pod: Pod
) -> None:
    pod.start_zygote()
    pod.start_supervisor()
    record = await operator.python(LOOK, payload=json.dumps(str(pod.token)))
    finish = await operator.finished(record)
    assert finish.state == "succeeded", record.text("stderr")
    seen = json.loads(finish.result or "")
    assert seen["secret"] == SECRET
    assert not [name for name in seen["names"] if "TOKEN" in name or name == "PYTHONPATH"]
    assert str(pod.code) not in seen["path"]
    assert seen["directory"].startswith(str(pod.scratch))
    if os.getuid() == 0:
        assert (seen["user"], seen["token"]) == (RUNNER_USER, "PermissionError")


async def test_it_is_ready_while_it_is_connected_and_has_a_zygote(operator: FakeOperator, pod: Pod) -> None:
    pod.ready.touch()  # left by a life before
    pod.start_supervisor()
    await until(lambda: pod.said("no zygote at"), "the complaint")
    assert not pod.ready.exists()
    assert operator.connections == 0, "without a zygote nothing is asked of an operator"
    zygote = pod.start_zygote()
    await until(pod.ready.exists, "readiness")
    await operator.stop()
    await until(lambda: not pod.ready.exists(), "its end with the operator")
    await operator.start()
    zygote.kill()


async def test_it_answers_its_probe_without_an_operator_and_not_while_it_is_frozen(
    operator: FakeOperator, pod: Pod
) -> None:
    await operator.stop()
    pod.pulse.touch()  # asked of a life before
    supervisor = pod.start_supervisor()
    for _ in range(2):
        await until(lambda: not pod.pulse.exists(), "the answer")
        pod.pulse.touch()
    await until(lambda: not pod.pulse.exists(), "the last answer")

    supervisor.send_signal(signal.SIGSTOP)
    await until(lambda: state_of(supervisor.pid) == "T", "standstill")
    pod.pulse.touch()
    with pytest.raises(AssertionError):
        await until(lambda: not pod.pulse.exists(), "an answer", 3 * TICK_SECONDS)
    supervisor.send_signal(signal.SIGCONT)
    await until(lambda: not pod.pulse.exists(), "the answer of the thawed one")


def state_of(pid: int) -> str:
    """The letter of the process's state."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_supervisor_that_comes_back_speaks_to_the_operator_when_the_runs_before_it_are_gone(
    operator: FakeOperator, pod: Pod
) -> None:
    zygote = pod.start_zygote()
    first = pod.start_supervisor()
    stubborn = "trap '' TERM; echo up; while :; do sleep 0.1; done"
    record = await operator.command("sh", "-c", stubborn, grace=1.5)
    await operator.said(record, "up\n")
    keepers = [pid for pid in descendants(zygote.pid) if command_name(pid) == "sh"]
    first.kill()
    pod.start_supervisor()
    await operator.until(lambda: len(operator.all(Hello)) == 2, "the second life")
    assert not any(alive(pid) for pid in keepers), "its runs could overlap with their successors"
    after = await operator.python("def run(p): return 2")
    assert (await operator.finished(after)).result == "2"
    assert zygote.poll() is None


async def test_a_zygote_that_is_killed_loses_its_runs_alone_and_the_next_one_goes_on(
    operator: FakeOperator, pod: Pod
) -> None:
    zygote = pod.start_zygote()
    supervisor = pod.start_supervisor()
    record = await operator.command("sh", "-c", "echo up; sleep 60")
    await operator.said(record, "up\n")
    for pid in (*descendants(zygote.pid), zygote.pid):  # as the kernel does with a container
        os.kill(pid, signal.SIGKILL)
    finish = await operator.finished(record)
    assert (finish.state, finish.reason) == ("lost", "KeeperLost")
    await until(lambda: not pod.ready.exists(), "the end of readiness")
    pod.start_zygote()
    await until(pod.ready.exists, "readiness")
    after = await operator.python("def run(p): return 2")
    assert (await operator.finished(after)).result == "2"
    assert supervisor.poll() is None
    assert len(operator.all(Hello)) == 1


async def test_a_worker_without_a_zygote_hands_back_what_it_is_given(
    operator: FakeOperator, pod: Pod
) -> None:
    zygote = pod.start_zygote()
    pod.start_supervisor()
    await until(pod.ready.exists, "readiness")
    zygote.kill()
    await until(lambda: not pod.ready.exists(), "the end of readiness")
    record = await operator.python("def run(p): return 1")
    await operator.until(lambda: "release" in [each.type for each in operator.received], "its return")
    assert record.starts == []
    pod.start_zygote()
    await until(pod.ready.exists, "readiness")
    after = await operator.python("def run(p): return 2")
    assert (await operator.finished(after)).result == "2"


async def test_a_pods_sigterm_drains_the_supervisor_and_the_zygote_goes_after_it(
    operator: FakeOperator, pod: Pod
) -> None:
    zygote, supervisor = pod.start_zygote(), pod.start_supervisor()
    record = await operator.command("sh", "-c", "echo up; sleep 0.7; echo 7 >&$NICE_RESULT_FD")
    await operator.said(record, "up\n")
    for process in (zygote, supervisor):
        process.send_signal(signal.SIGTERM)
    await until(lambda: not pod.ready.exists(), "the end of readiness")
    assert (await operator.finished(record)).result == "7"
    assert (supervisor.wait(10), zygote.wait(10)) == (0, 0)


async def test_a_zygote_that_nobody_is_with_ends_at_sigterm(pod: Pod) -> None:
    zygote = pod.start_zygote()
    await until(pod.socket.exists, "the socket")
    zygote.send_signal(signal.SIGTERM)
    assert zygote.wait(10) == 0


async def test_a_drained_worker_waits_unready_for_its_pod_to_be_taken(
    operator: FakeOperator, pod: Pod
) -> None:
    pod.start_zygote()
    supervisor = pod.start_supervisor()
    record = await operator.command("sh", "-c", "echo up; sleep 0.5")
    await operator.said(record, "up\n")
    await operator.drain()
    await until(lambda: not pod.ready.exists(), "the end of readiness")
    assert (await operator.finished(record)).state == "succeeded"
    heartbeats = len(operator.received)
    await operator.until(lambda: len(operator.received) > heartbeats + 10, "more heartbeats")
    assert supervisor.poll() is None, "it would be started again, as ready as before"
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(10) == 0
