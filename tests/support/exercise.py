"""Everything that an operator has to do with the API server, done once in a namespace of its."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from tests.cluster.kubectl import Kubectl
from tests.support.release import condition, python_task, until

REQUESTED = "nicecommander.dev/run-requested-at"


def pool(namespace: str, name: str) -> dict[str, Any]:
    """One that starts a pod when somebody waits for it."""
    return {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceWorkerPool",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": {"min": 0, "max": 1}, "idleSeconds": 3600},
    }


def task(namespace: str, name: str, **spec: Any) -> dict[str, Any]:
    """One that works at once and is asked for."""
    made = python_task(name, "def run(payload):\n    return 42\n", **spec)
    made["metadata"]["namespace"] = namespace
    return made


def request(kubectl: Kubectl, namespace: str, name: str) -> None:
    """A run of it, by its annotation."""
    moment = datetime.now(UTC).isoformat()
    kubectl("annotate", "nicetask", name, "-n", namespace, f"{REQUESTED}={moment}", "--overwrite")


def everything(kubectl: Kubectl, namespace: str) -> str:
    """A task that waits for its pool, a pool with a pod of its own, runs in it, and Events that repeat. The
    name of both, a new one each time."""
    name = f"own-{secrets.token_hex(3)}"

    def is_true(kind: str) -> bool | None:
        return condition(kubectl.get("nicetask", name, "-n", namespace), kind) == "True" or None

    kubectl.apply(task(namespace, name, workerPool=name))
    until(lambda: is_true("Stalled"), "the task waits for its pool")
    kubectl.apply(pool(namespace, name))
    until(lambda: is_true("Ready"), "the pool is found")
    request(kubectl, namespace, name)
    until(lambda: is_true("LastRunSucceeded"), "a pod of the pool has run it", 120)
    request(kubectl, namespace, name)
    until(lambda: _told_twice(kubectl, namespace), "the second success is told by the first one's Event", 60)
    return name


def _told_twice(kubectl: Kubectl, namespace: str) -> bool | None:
    events = kubectl.get("events", "-n", namespace, "--field-selector=reason=RunSucceeded")["items"]
    return any(event.get("count", 0) >= 2 for event in events) or None
