"""Pools with workers that work: they grow with what waits, only idle ones go, and what
kills a runner is told."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.support.release import Release, installed, python_task, test_values, until

SLEEP = "import time\n\ndef run(seconds):\n    time.sleep(seconds)\n    return seconds\n"
EAT = "def run(_):\n    eaten = [bytearray(10_000_000) for _ in range(60)]\n    return len(eaten)\n"


@pytest.fixture(scope="module")
def release(
    kubectl: Kubectl, crds: list[dict[str, Any]], shared_namespace: str, images: str
) -> Iterator[Release]:
    with installed(kubectl, shared_namespace, test_values(images)) as release, release.reached():
        yield release


def fresh(name: str) -> str:
    """A name of this try's own: what an earlier one left must not be met."""
    return f"{name}-{secrets.token_hex(2)}"


def make(release: Release, name: str, task: dict[str, Any], **spec: Any) -> None:
    """A pool and a task of it."""
    pool = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceWorkerPool",
        "metadata": {"name": name, "namespace": release.namespace},
        "spec": spec,
    }
    task["metadata"]["namespace"] = release.namespace
    release.kubectl.apply(pool, task)
    release.kubectl(
        "wait", "--for=condition=Ready", f"nicetask/{name}", "-n", release.namespace, "--timeout=60s",
        seconds=90,
    )  # fmt: skip


def ask(release: Release, task: str, payload: Any) -> str:
    """Ask for a run; its id."""
    path = f"/api/v1/tasks/{release.namespace}/{task}/runs"
    status, run = release.ask("POST", path, {"payload": payload})
    assert status in (200, 201, 202), run
    return str(run["id"])


def run_of(release: Release, run: str) -> dict[str, Any]:
    found: dict[str, Any] = release.insist("GET", f"/api/v1/runs/{run}")[1]
    return found


def replicas(release: Release, pool: str) -> int:
    """Those that are wanted; -1 while it has no Deployment: the pool is looked at a moment after its task."""
    words = ("deployment", f"nice-pool-{pool}", "-n", release.namespace, "--ignore-not-found")
    found = release.kubectl("get", *words, "-o", "jsonpath={.spec.replicas}")
    return int(found) if found else -1


def pods(release: Release, pool: str) -> set[str]:
    """Its pods that are not being deleted."""
    label = f"nicecommander.dev/pool={pool}"
    items = release.kubectl.get("pods", "-l", label, "-n", release.namespace)["items"]
    return {pod["metadata"]["name"] for pod in items if "deletionTimestamp" not in pod["metadata"]}


def test_a_pool_grows_with_what_waits_and_only_idle_workers_go(release: Release) -> None:
    name = fresh("grow")
    task = python_task(name, SLEEP, workerPool=name, onLost="Fail", timeoutAfter="5 minutes")
    make(release, name, task, slots=1, idleSeconds=5, replicas={"min": 0, "max": 3})

    long = ask(release, name, 60)
    short = [ask(release, name, 1) for _ in range(8)]
    until(lambda: replicas(release, name) == 3 or None, "the pool grows to its maximum", 60)
    until(lambda: len(pods(release, name)) == 3 or None, "its pods are made", 60)

    busy = until(lambda: run_of(release, long)["worker"], "the long run has a worker", 60)
    until(lambda: replicas(release, name) == 1 or None, "the idle workers go", 120)
    until(lambda: len(pods(release, name)) == 1 or None, "and their pods", 60)

    assert run_of(release, long)["state"] == "running"
    assert pods(release, name) == {busy}
    ended = until(lambda: run_of(release, long) if run_of(release, long)["final"] else None, "it ends", 120)
    assert (ended["state"], ended["attempt"]) == ("succeeded", 1)
    assert all(run_of(release, run)["state"] == "succeeded" for run in short)

    until(lambda: replicas(release, name) == 0 or None, "the pool goes to zero", 120)
    again = ask(release, name, 0)
    until(lambda: run_of(release, again)["final"] or None, "and comes back for the next run", 120)


def test_a_run_that_eats_the_containers_memory_ends_and_says_so(release: Release) -> None:
    """Where the kernel kills one process (cgroup v1) that run alone fails; where it kills the whole
    container, all its runs are lost, and told why."""
    limited = {"name": "runner", "image": _runner(release), "resources": {"limits": {"memory": "160Mi"}}}
    name = fresh("eat")
    task = python_task(name, EAT, workerPool=name, onLost="Fail")
    make(release, name, task, replicas={"min": 1, "max": 1}, template={"spec": {"containers": [limited]}})

    run = ask(release, name, None)
    ended = until(lambda: run_of(release, run) if run_of(release, run)["final"] else None, "it ends", 120)

    alone = (ended["state"], ended["signal"]) == ("failed", "SIGKILL")
    all_told = ended["state"] == "lost" and "used more memory than its limit (OOMKilled)" in ended["message"]
    assert alone or all_told, (ended["state"], ended["reason"], ended["message"])


def test_runs_of_a_runner_container_that_is_killed_are_lost_and_tell_how_it_ended(
    release: Release, harm: Harm
) -> None:
    name = fresh("kill")
    task = python_task(name, SLEEP, workerPool=name, onLost="Fail")
    make(release, name, task, replicas={"min": 1, "max": 1})
    run = ask(release, name, 30)
    worker = until(lambda: run_of(release, run)["worker"] if running(release, run) else None, "it runs", 60)

    os.kill(_zygote_of(worker), signal.SIGKILL)

    ended = until(lambda: run_of(release, run) if run_of(release, run)["final"] else None, "it ends", 60)
    assert (ended["state"], ended["reason"]) == ("lost", "KeeperLost")
    assert "its container runner ended with exit code 137" in ended["message"]
    # The supervisor lived, and its next run finds the container started anew.
    again = ask(release, name, 0)
    until(lambda: run_of(release, again)["state"] == "succeeded" or None, "the worker goes on", 90)
    assert run_of(release, again)["worker"] == worker


def test_a_frozen_supervisor_is_started_anew_and_its_runs_are_told(release: Release, harm: Harm) -> None:
    name = fresh("freeze")
    task = python_task(name, SLEEP, workerPool=name, onLost="Fail", timeoutAfter="10 minutes")
    make(release, name, task, slots=2, replicas={"min": 1, "max": 1})
    runs = [ask(release, name, 500) for _ in range(2)]
    for run in runs:
        until(lambda run=run: running(release, run) or None, "it runs", 60)  # type: ignore[misc]
    worker = run_of(release, runs[0])["worker"]
    assert restarts(release, worker) == {"supervisor": 0, "runner": 0}

    os.kill(_supervisor_of(worker), signal.SIGSTOP)

    until(lambda: restarts(release, worker)["supervisor"] >= 1 or None, "its container is started anew", 180)
    for run in runs:
        ended = until(lambda run=run: _final(release, run), "it ends", 60)  # type: ignore[misc]
        assert ended["state"] == "lost", (ended["reason"], ended["message"])
    again = ask(release, name, 0)
    until(lambda: run_of(release, again)["state"] == "succeeded" or None, "the worker goes on", 120)
    assert run_of(release, again)["worker"] == worker
    assert restarts(release, worker)["runner"] == 0


def _final(release: Release, run: str) -> dict[str, Any] | None:
    found = run_of(release, run)
    return found if found["final"] else None


def restarts(release: Release, pod: str) -> dict[str, int]:
    """How often each container of the pod was started again."""
    found = release.kubectl.get("pod", pod, "-n", release.namespace)
    return {each["name"]: each["restartCount"] for each in found["status"]["containerStatuses"]}


def running(release: Release, run: str) -> bool:
    return bool(run_of(release, run)["state"] == "running")


def _zygote_of(pod: str) -> int:
    """The process that is first in the pod's runner container."""
    return _first_process(pod, b"--listen")


def _supervisor_of(pod: str) -> int:
    """The process that is first in the pod's supervisor container."""
    return _first_process(pod, b"/app/bin/nice-runner")


def _first_process(pod: str, word: bytes) -> int:
    """The first process of a container of this pod, known by a word of its command: a machine of ours is
    part of this one."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(entry.name)
            words = (entry / "cmdline").read_bytes().split(b"\0")
            named = f"HOSTNAME={pod}".encode() in (entry / "environ").read_bytes().split(b"\0")
            if named and word in words and _first_of_its_kind(entry):
                return number
    raise AssertionError(f"no process of pod {pod} has {word!r} among its words")


def _first_of_its_kind(entry: Path) -> bool:
    """Whether it is process 1 of its container."""
    status = (entry / "status").read_text().splitlines()
    return any(line.startswith("NSpid:") and line.split()[-1] == "1" for line in status)


def _runner(release: Release) -> str:
    """The image of the release's own workers."""
    found = release.kubectl.get("deployment", "nice-pool-default", "-n", release.namespace)
    containers = found["spec"]["template"]["spec"]["containers"]
    return str(next(each["image"] for each in containers if each["name"] == "supervisor"))
