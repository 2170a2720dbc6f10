"""Workers go, die, or cannot be reached: their runs are told, and run again as their tasks say
(F38–F43, F47)."""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence

import pytest

from nice_operator.domain.run import RunState
from tests.support.release import python_task, until
from tests.support.stage import load
from tests.support.stage.containers import Pod
from tests.support.stage.stage import WORKER, Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(900)

CUT = 90.0
EAT = "def run(_):\n    eaten = [bytearray(10_000_000) for _ in range(200)]\n    return len(eaten)\n"


def busy_worker(stage: Stage, node: int | None = None) -> Pod:
    """A worker with two runs or more in hand."""

    def look() -> Pod | None:
        query = "SELECT worker, COUNT(*) FROM runs WHERE state = 'running' GROUP BY worker"
        busy = {bytes(name).decode() for name, count in stage.rows(query) if count >= 2}
        pods = [pod for pod in stage.pods(WORKER) if node is None or pod.node == f"node-{node}"]
        return next((pod for pod in pods if pod.name in busy), None)

    return until(look, "a worker is busy")


def replaced(stage: Stage, pod: Pod, current: Trial) -> None:
    """Another worker stands in its place."""
    began = time.monotonic()
    until(
        lambda: pod.name not in {each.name for each in stage.pods(WORKER)} or None, f"{pod.name} is gone", 120
    )
    stage.healthy()
    current.say(f"{pod.name} is replaced after {time.monotonic() - began:.1f} s")


def test_a_workers_pod_that_is_deleted_finishes_or_hands_back(stage: Stage) -> None:
    with trial(stage, "worker deleted") as current:
        pod = busy_worker(stage)
        stage.kubectl("delete", "pod", pod.name, "-n", stage.namespace, seconds=120)
        replaced(stage, pod, current)

    assert current.counts["lost"] == 0


def test_a_workers_pod_that_is_killed_loses_its_runs_and_says_so(stage: Stage) -> None:
    with trial(stage, "worker killed") as current:
        pod = busy_worker(stage)
        for container in ("supervisor", "runner"):
            pod.signal(container, signal.SIGKILL)
        stage.kubectl(
            "delete", "pod", pod.name, "-n", stage.namespace, "--grace-period=0", "--force", seconds=120
        )
        replaced(stage, pod, current)

    assert losses(current) >= 1


def losses(current: Trial) -> int:
    """Executions that ended with their worker."""
    assert current.books is not None
    attempts = [a for run in current.books.runs for a in current.attempts_of(run)]
    lost = [a for a in attempts if a.state == RunState.LOST]
    current.say(f"{len(lost)} executions were lost: {sorted({a.reason for a in lost})}")
    return len(lost)


@pytest.mark.parametrize("container", ["supervisor", "runner"])
def test_one_container_of_a_worker_that_is_killed_is_started_again(stage: Stage, container: str) -> None:
    with trial(stage, f"{container} killed") as current:
        pod = busy_worker(stage)
        pod.signal(container, signal.SIGKILL)
        until(lambda: restarts(stage, pod) > pod.restarts or None, "the container is started again", 60)
        stage.healthy()
        stage.goes_on()

    assert losses(current) >= 1


def restarts(stage: Stage, pod: Pod) -> int:
    return next((each.restarts for each in stage.pods(WORKER) if each.name == pod.name), 0)


def test_a_run_that_eats_the_containers_memory_is_told_and_the_others_go_on(stage: Stage) -> None:
    """Where the kernel kills one process (cgroup v1) it alone fails; else the container's runs are lost."""
    with trial(stage, "out of memory") as current:
        task = python_task("eat", EAT, onLost="Fail", timeoutAfter="1 minute")
        task["metadata"]["namespace"] = stage.namespace
        stage.kubectl.apply(task)
        path = f"/api/v1/tasks/{stage.namespace}/eat/runs"
        until(lambda: (stage.request("POST", path, {})[0] < 300) or None, "the run is asked for")
        stage.goes_on()

    (eaten,) = current.runs_of("eat")
    current.say(f"it ended {eaten.state}: {eaten.reason}")
    assert eaten.state in (RunState.FAILED, RunState.LOST)
    assert current.counts["late reports refused"] == 0


def test_the_runs_of_a_node_that_dies_run_elsewhere(stage: Stage) -> None:
    with trial(stage, "node killed") as current:
        number = stage.other_node()
        busy_worker(stage, number)
        stage.harm.kill_node(number)
        try:
            current.say(f"fires go on after {stage.goes_on():.1f} s")
            until(lambda: no_loss_is_open(stage, number), "its runs are told as lost", 120)
        finally:
            stage.harm.revive_node(number)

    assert losses(current) >= 1


def no_loss_is_open(stage: Stage, number: int) -> bool | None:
    """Nothing is held by a worker of that node any more."""
    names = [pod.name for pod in stage.pods(WORKER) if pod.node == f"node-{number}"]
    held = stage.rows("SELECT worker FROM runs WHERE state IN ('claimed', 'running')")
    return not {bytes(name).decode() for (name,) in held} & set(names) or None


def test_a_worker_behind_a_cut_cable_is_overtaken_and_its_late_results_are_refused(stage: Stage) -> None:
    """What must never overlap is stopped there before it runs here; the others go on, and come too late."""
    with trial(stage, "cable cut", long=True) as current:
        number = stage.other_node()
        until(lambda: long_runs_at(stage, number), "its worker has a long run", 180)
        busy_worker(stage, number)
        stage.harm.cut(number)
        try:
            cut = time.monotonic()
            current.say(f"fires go on after {stage.goes_on():.1f} s")
            until(lambda: time.monotonic() > cut + CUT or None, "the cable was cut long enough", CUT + 10)
        finally:
            stage.harm.mend(number)
        current.say("mended")

    assert losses(current) >= 1
    told(current, current.runs_of(load.SAVED))
    assert current.counts["late reports refused"] >= 1


def long_runs_at(stage: Stage, number: int) -> bool | None:
    names = {pod.name for pod in stage.pods(WORKER) if pod.node == f"node-{number}"}
    query = (
        "SELECT r.worker FROM runs r JOIN tasks t ON t.id = r.task_id "
        f"WHERE r.state = 'running' AND t.living = 1 AND t.name = '{load.SAVED}'"
    )
    return bool(names & {bytes(name).decode() for (name,) in stage.rows(query)}) or None


def told(current: Trial, runs: Sequence[object]) -> None:
    """How the long runs ended."""
    for run in runs:
        ends = [f"{a.state} ({a.reason})" for a in current.attempts_of(run)]
        current.say(f"long run {run.id}: {', '.join(ends) or run.state}")  # type: ignore[attr-defined]
