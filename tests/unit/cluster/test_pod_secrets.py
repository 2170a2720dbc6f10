"""What the zygote of a pool is told to be secret, by the pool's template."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from nice_operator.cluster.pool_deployment import deployment
from nice_operator.resources.pod_template import template_problems
from tests.unit.cluster.test_pool_deployment import INSTALLATION, container, the_pool


def of_key(name: str, secret: str, key: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def pod_with(runner: dict[str, Any], volumes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The pod of a pool whose runner's container has these fields."""
    pool = the_pool("own-image")
    spec = pool.template["spec"]
    spec["containers"][0] |= runner
    spec["volumes"] = volumes or []
    pod: dict[str, Any] = deployment(pool, INSTALLATION, 1)["spec"]["template"]["spec"]
    return pod


def told(pod: dict[str, Any]) -> list[tuple[str, str]]:
    """The zygote's options about secrets."""
    command = container("runner", pod)["command"]
    return [(option, value) for option, value in pairwise(command) if option.startswith("--secret")]


def test_variables_of_secrets_are_named_and_user_names_are_not() -> None:
    pod = pod_with(
        {
            "env": [
                of_key("DB_PASS", "db", "password"),
                of_key("LOGIN", "db", "username"),
                {"name": "API_TOKEN", "value": "written-in-the-template"},
                {"name": "GREETING", "value": "hello"},
                {"name": "HOST_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
            ]
        }
    )
    assert told(pod) == [("--secret-variable", "DB_PASS"), ("--secret-variable", "API_TOKEN")]


def test_mounted_secrets_are_named_by_their_paths() -> None:
    volumes = [
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "config", "configMap": {"name": "config"}},
        {"name": "vault", "csi": {"driver": "secrets-store.csi.k8s.io"}},
        {"name": "both", "projected": {"sources": [{"secret": {"name": "a"}}]}},
        {"name": "elsewhere", "secret": {"secretName": "other"}},
    ]
    paths = {"keys": "/keys", "config": "/etc/config", "vault": "/vault", "both": "/both/one"}
    pod = pod_with(
        {"volumeMounts": [{"name": name, "mountPath": path} for name, path in paths.items()]}, volumes
    )
    assert told(pod) == [("--secret-path", path) for path in ("/keys", "/vault", "/both/one")]


def test_whole_secrets_are_mounted_for_the_names_of_their_keys() -> None:
    sources = [
        {"configMapRef": {"name": "c"}},
        {"secretRef": {"name": "one"}},
        {"secretRef": {"name": "two"}, "prefix": "P_"},
    ]
    pod = pod_with({"envFrom": sources})
    assert told(pod) == [
        ("--secret-source", "/nice-secrets/0"),
        ("--secret-source", "/nice-secrets/1=P_"),
    ]
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes["nice-secret-1"]["secret"] == {"secretName": "two", "optional": True}
    mounts = {each["name"]: each for each in container("runner", pod)["volumeMounts"]}
    assert mounts["nice-secret-1"] == {
        "name": "nice-secret-1",
        "mountPath": "/nice-secrets/1",
        "readOnly": True,
    }
    assert not [m for m in container("supervisor", pod)["volumeMounts"] if "secret" in m["name"]]


def test_nobody_else_mounts_there() -> None:
    mount = {"name": "mine", "mountPath": "/nice-secrets/0"}
    template = {"spec": {"containers": [{"name": "runner", "volumeMounts": [mount]}]}}
    assert [problem.field for problem in template_problems(template)]
