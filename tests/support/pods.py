"""Pods as strict as the product's own: no root, no privileges, a root file system that cannot be written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STRICT = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
NOBODY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


def pod(
    namespace: str,
    name: str,
    image: str,
    command: Sequence[str] = (),
    *,
    node: str = "",
    environment: Mapping[str, str] | None = None,
    writable: Sequence[str] = (),
    user: int | None = None,
) -> dict[str, Any]:
    """A pod of one container called ``main``; ``writable`` folders are empty volumes.

    ``user`` is for an image that names none but root.
    """
    container: dict[str, Any] = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "securityContext": STRICT,
        "env": [{"name": key, "value": value} for key, value in (environment or {}).items()],
        "volumeMounts": [{"name": f"v{i}", "mountPath": path} for i, path in enumerate(writable)],
    }
    if command:
        container["command"] = list(command)
    spec: dict[str, Any] = {
        "containers": [container],
        "securityContext": NOBODY if user is None else {**NOBODY, "runAsUser": user},
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": f"v{i}", "emptyDir": {}} for i, _ in enumerate(writable)],
    }
    if node:
        spec["nodeName"] = node
    metadata = {"namespace": namespace, "name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def service(namespace: str, name: str, port: int) -> dict[str, Any]:
    """Leads to the pod of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": port}]},
    }
