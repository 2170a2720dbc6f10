"""Everything that an operator has to do with the API server, done once in a namespace of its."""

from __future__ import annotations

import time
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
    moment = f"{time.time():.6f}"
    kubectl("annotate", "nicetask", name, "-n", namespace, f"{REQUESTED}={moment}", "--overwrite")


def everything(kubectl: Kubectl, namespace: str) -> None:
    """A task that waits for its pool, a pool with a pod of its own, runs in it, and Events that repeat."""

    def shown(name: str) -> dict[str, Any]:
        return kubectl.get("nicetask", name, "-n", namespace)

    def is_(name: str, kind: str, status: str) -> bool | None:
        return condition(shown(name), kind) == status or None

    kubectl.apply(task(namespace, "waits", workerPool="own"))
    until(lambda: is_("waits", "Stalled", "True"), "the task waits for its pool")
    kubectl.apply(pool(namespace, "own"))
    until(lambda: is_("waits", "Ready", "True"), "the pool is found")
    request(kubectl, namespace, "waits")
    until(lambda: is_("waits", "LastRunSucceeded", "True"), "a pod of the pool has run it", 120)
    request(kubectl, namespace, "waits")
    until(lambda: _told_twice(kubectl, namespace), "the second success is told by the first one's Event", 60)


def _told_twice(kubectl: Kubectl, namespace: str) -> bool | None:
    events = kubectl.get("events", "-n", namespace, "--field-selector=reason=RunSucceeded")["items"]
    return any(event.get("count", 0) >= 2 for event in events) or None
