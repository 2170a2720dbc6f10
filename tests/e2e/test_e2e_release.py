"""What a platform team does with a release, from installing it to taking it away (README, "On a cluster")."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster import audit
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import ROOT
from tests.cluster.target import Provider, Target
from tests.support import exercise
from tests.support.release import CHART, NAME, Release, condition, installed, python_task, test_values, until
from tests.support.rights import check_rights

REQUESTED = "nicecommander.dev/run-requested-at"
OWN_IMAGE = "localhost/nice-cluster/base:test"
"""An image of the user's own: Debian's Python, and nothing of ours."""


@pytest.fixture(scope="module")
def release(
    kubectl: Kubectl, crds: list[dict[str, Any]], shared_namespace: str, images: str
) -> Iterator[Release]:
    """Installed as the README says, in a namespace where Pod Security ``restricted`` is enforced."""
    with installed(kubectl, shared_namespace, test_values(images)) as release, release.reached():
        yield release


def apply(release: Release, *objects: dict[str, Any]) -> None:
    for each in objects:
        each["metadata"]["namespace"] = release.namespace
    release.kubectl.apply(*objects)


def request(release: Release, task: str, moment: str) -> None:
    release.kubectl(
        "annotate", "nicetask", task, "-n", release.namespace, f"{REQUESTED}={moment}", "--overwrite"
    )


def ended(release: Release, task: str, count: int = 1, within: float = 60) -> list[dict[str, Any]]:
    """Its runs, as soon as ``count`` of them have ended."""

    def look() -> list[dict[str, Any]] | None:
        runs = [run for run in release.runs(task) if run["final"]]
        return runs if len(runs) >= count else None

    return until(look, f"{count} runs of {task} have ended", within)


def test_the_examples_become_ready_and_are_told_in_columns(release: Release) -> None:
    release.kubectl("apply", "-n", release.namespace, "-f", str(ROOT / "crds" / "examples"))
    release.kubectl(
        "wait", "--for=condition=Ready", "nicetask", "--all", "-n", release.namespace, "--timeout=30s"
    )

    shown = release.kubectl("get", "nicetasks", "-n", release.namespace)
    head, *rows = shown.splitlines()
    minute = release.task("every-minute")["status"]["nextRunTime"]

    assert head.split() == ["NAME", "SCHEDULE", "SUSPEND", "ACTIVE", "LAST", "RESULT", "NEXT", "AGE"]
    assert len(rows) >= 10
    assert minute.endswith(":00Z")


def test_an_annotation_runs_a_task_once_and_everything_tells_of_it(release: Release) -> None:
    source = "def run(payload):\n    print('on my way')\n    return {'answer': 42}\n"
    apply(release, python_task("asked", source))
    release.kubectl("wait", "--for=condition=Ready", "nicetask/asked", "-n", release.namespace)

    request(release, "asked", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    (run,) = ended(release, "asked")
    log = release.ask("GET", f"/api/v1/runs/{run['id']}/logs")[1]
    until(
        lambda: release.task("asked")["status"].get("lastSuccessfulTime"), "the status tells of the success"
    )
    described = release.kubectl("describe", "nicetask", "asked", "-n", release.namespace)

    assert (run["state"], run["exitCode"], run["requestedBy"]["trigger"]) == ("succeeded", 0, "annotation")
    assert release.ask("GET", f"/api/v1/runs/{run['id']}")[1]["result"] == {"answer": 42}
    assert "on my way" in str(log)
    assert condition(release.task("asked"), "LastRunSucceeded") == "True"
    assert "RunSucceeded" in described


def test_without_a_token_nothing_is_told(release: Release) -> None:
    refused = [
        release.ask("GET", path, token="wrong-wrong-wrong")[0] for path in ("/tasks", "/", "/api/v1/runs")
    ]

    ports = release.kubectl.get("service", NAME, "-n", release.namespace)["spec"]["ports"]
    assert refused == [401, 401, 401]
    assert {port["port"] for port in ports} == {80, 9999}


def test_a_pool_with_an_image_of_ones_own_starts_for_a_run_and_goes_again(release: Release) -> None:
    pool = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceWorkerPool",
        "metadata": {"name": "mine"},
        "spec": {
            "replicas": {"min": 0, "max": 1},
            "idleSeconds": 3,
            "template": {"spec": {"containers": [{"name": "runner", "image": OWN_IMAGE}]}},
        },
    }
    source = "import importlib.util\n\ndef run(_):\n    return bool(importlib.util.find_spec('aiohttp'))\n"
    apply(release, pool, python_task("mine", source, workerPool="mine"))

    status, ours_is_there = release.ask("POST", "/task/mine", within=120)
    deployment = ("deployment", "nice-pool-mine", "-n", release.namespace)
    until(
        lambda: release.kubectl.get(*deployment)["spec"]["replicas"] == 0 or None,
        "the pool goes to zero",
        120,
    )

    assert (status, ours_is_there) == (200, False)


def test_a_deleted_task_stops_and_its_history_stays(release: Release) -> None:
    source = "import time\n\ndef run(payload):\n    time.sleep(payload or 0)\n"
    apply(release, python_task("leaving", source, payload=0))
    release.ask("POST", "/task/leaving")
    old = ended(release, "leaving")[0]["id"]
    apply(release, python_task("leaving", source, payload=300, timeoutAfter="10 minutes"))
    until(lambda: release.task("leaving")["metadata"]["generation"] == 2 or None, "the change is there")
    until(lambda: release.task("leaving")["status"]["observedGeneration"] == 2 or None, "it is seen")
    release.ask("POST", f"/api/v1/tasks/{release.namespace}/leaving/runs", {})
    running = until(
        lambda: next((run["id"] for run in release.runs("leaving") if run["state"] == "running"), None),
        "a run of it is running",
    )

    release.kubectl("delete", "nicetask", "leaving", "-n", release.namespace)
    stopped = until(
        lambda: ((run := release.ask("GET", f"/api/v1/runs/{running}")[1])["final"] and run) or None,
        "its run is stopped",
    )
    apply(release, python_task("leaving", source, payload=0))
    until(lambda: release.task("leaving")["status"]["observedGeneration"] == 1 or None, "the new one is seen")

    assert stopped["state"] == "cancelled"
    assert release.ask("GET", f"/api/v1/runs/{old}")[1]["state"] == "succeeded"
    assert release.runs("leaving") == []


def test_a_copy_and_a_replacement_run_nothing(release: Release) -> None:
    source = "def run(payload):\n    pass\n"
    apply(release, python_task("original", source))
    release.kubectl("wait", "--for=condition=Ready", "nicetask/original", "-n", release.namespace)
    request(release, "original", "2026-01-01T00:00:00Z")
    ended(release, "original")
    whole = release.task("original")

    copy = json.loads(json.dumps(whole))
    copy["metadata"]["name"] = "copied"
    release.kubectl("create", "-f", "-", text=json.dumps(_bare(copy)))
    release.kubectl("replace", "--force", "-f", "-", text=json.dumps(_bare(whole)))
    for name in ("copied", "original"):
        release.kubectl("wait", "--for=condition=Ready", f"nicetask/{name}", "-n", release.namespace)
    release.ask("POST", "/task/hello", {"name": "whoever comes after them"})

    assert release.runs("copied") == []
    assert release.runs("original") == []


def _bare(document: dict[str, Any]) -> dict[str, Any]:
    """As somebody edits it by hand: without what only this very object can have."""
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        document["metadata"].pop(name, None)
    return document


def test_an_upgrade_amid_a_hundred_runs_loses_and_doubles_none(release: Release, images: str) -> None:
    source = "import time\n\ndef run(payload):\n    time.sleep(4)\n    return payload\n"
    apply(release, python_task("carried", source, retry={"maxAttempts": 1}, onLost="Fail"))
    release.kubectl("wait", "--for=condition=Ready", "nicetask/carried", "-n", release.namespace)
    path = f"/api/v1/tasks/{release.namespace}/carried/runs"
    with ThreadPoolExecutor(10) as clients:
        made = list(clients.map(lambda n: release.ask("POST", path, {"payload": n}), range(100)))
    assert {status for status, _ in made} <= {200, 201, 202}

    changed = {
        **test_values(images),
        "podAnnotations": {"changed": "yes"},
        "defaultPool": {"template": {"metadata": {"annotations": {"changed": "yes"}}}},
    }
    release.helm("upgrade", NAME, str(CHART), values=changed)
    runs = ended(release, "carried", 100, 240)

    assert len(runs) == 100
    assert {run["state"] for run in runs} == {"succeeded"}
    assert sorted(release.insist("GET", f"/api/v1/runs/{run['id']}")[1]["result"] for run in runs) == list(
        range(100)
    )


def test_every_right_of_its_roles_was_used_and_nothing_was_refused(release: Release, target: Target) -> None:
    """Of a release that watches all namespaces; one that does not: test_e2e_rights.py."""
    if target.provider is not Provider.NATIVE:
        pytest.skip(f"the audit log of a {target.provider} cluster is not ours to read")
    exercise.everything(release.kubectl, release.namespace)

    check_rights(release, audit.calls(target.places, f"system:serviceaccount:{release.namespace}:{NAME}"))


def test_the_release_tests_itself(release: Release) -> None:
    assert "Succeeded" in release.helm("test", NAME)
