"""Workers go or die, whole or in part: their runs are told, and run again as their tasks say
(F38–F43, F47)."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from nice_operator.domain.run import RunState
from tests.support.release import python_task, until
from tests.support.stage import losses
from tests.support.stage.stage import Stage
from tests.support.stage.trial import trial
from tests.support.stage.workers import busy_worker, replaced, restarted

pytestmark = pytest.mark.timeout(900)

EAT = "def run(_):\n    eaten = [bytearray(10_000_000) for _ in range(200)]\n    return len(eaten)\n"
"""Twice the limit of the runner's container."""


def test_a_worker_whose_pod_is_deleted_ends_what_it_has_in_hand(stage: Stage) -> None:
    with trial(stage, "worker deleted") as current:
        pod = busy_worker(stage)
        stage.kubectl("delete", "pod", pod.name, "-n", stage.namespace, seconds=120)
        replaced(stage, pod, current)
        stage.goes_on()

    assert losses.told(current, pod.name) == []


def test_the_runs_of_a_worker_that_is_killed_are_told_as_lost_and_run_again(stage: Stage) -> None:
    with trial(stage, "worker killed") as current:
        pod = busy_worker(stage)
        force = ("--grace-period=0", "--force")
        for container in ("supervisor", "runner"):
            pod.signal(container, signal.SIGKILL)
        stage.kubectl("delete", "pod", pod.name, "-n", stage.namespace, *force, seconds=120)
        replaced(stage, pod, current)
        stage.goes_on()

    lost = losses.told(current, pod.name)
    assert len(lost) >= 2
    assert all(f"its pod {pod.name} is gone" in one.message for one in lost)


@pytest.mark.parametrize("container", ["supervisor", "runner"])
def test_one_container_of_a_worker_that_is_killed_is_started_again(stage: Stage, container: str) -> None:
    with trial(stage, f"{container} killed") as current:
        pod = busy_worker(stage)
        pod.signal(container, signal.SIGKILL)
        restarted(stage, pod, current)
        stage.goes_on()

    lost = losses.told(current, pod.name)
    assert len(lost) >= 1
    assert all(f"its container {container} ended with exit code 137" in one.message for one in lost)


def test_a_run_that_eats_the_containers_memory_is_told_and_the_others_go_on(stage: Stage) -> None:
    """Where the kernel ends one process (cgroup v1) it alone fails; else all runs of the container are lost,
    and the others run again."""
    with trial(stage, "out of memory") as current:
        ask_for(stage, python_task("eat", EAT, onLost="Fail", timeoutAfter="1 minute"))
        state, message, worker = until(lambda: end_of(stage, "eat"), "it ate its memory, and has ended", 120)
        stage.goes_on()

    current.say(f"it ended {state}: {message}")
    lost = losses.told(current, worker)
    if state == RunState.FAILED:
        assert "SIGKILL" in message
        assert lost == []
    else:
        assert state == RunState.LOST
        assert "OOMKilled" in message


def ask_for(stage: Stage, task: dict[str, Any]) -> None:
    """One run of a task that is made for it."""
    name = task["metadata"]["name"]
    task["metadata"]["namespace"] = stage.namespace
    stage.kubectl.apply(task)
    ready = ("wait", "--for=condition=Ready", f"nicetask/{name}", "-n", stage.namespace, "--timeout=60s")
    stage.kubectl(*ready, seconds=90)
    stage.insist("POST", f"/api/v1/tasks/{stage.namespace}/{name}/runs", {})


def end_of(stage: Stage, task: str) -> tuple[str, str, str] | None:
    """State, message and worker of a task's only run, when it has ended."""
    query = (
        "SELECT r.state, r.message, r.worker FROM runs r JOIN tasks t ON t.id = r.task_id "
        f"WHERE t.name = '{task}' AND t.living = 1 AND r.finished_at IS NOT NULL"
    )
    found = stage.rows(query)
    if not found:
        return None
    state, message, worker = (bytes(each).decode() if isinstance(each, bytes) else each for each in found[0])
    return state, message, worker
