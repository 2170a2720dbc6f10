"""Rights against uses: what was given for nothing, and what was done by another right, is told by name."""

from __future__ import annotations

from typing import Any

from tests.cluster.audit import Call
from tests.support.rights import Right, granted, never_used, not_granted, used

RULE = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["token"], "verbs": ["get", "patch"]}
USER = "system:serviceaccount:home:robot"


def _objects(kind: str, rule: dict[str, Any], namespace: str | None) -> list[dict[str, Any]]:
    metadata = {"name": "own", **({"namespace": namespace} if namespace else {})}
    subject = {"kind": "ServiceAccount", "name": "robot", "namespace": "home"}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "own"}
    return [
        {"kind": kind, "metadata": metadata, "rules": [rule]},
        {"kind": f"{kind}Binding", "metadata": metadata, "roleRef": reference, "subjects": [subject]},
    ]


def test_a_right_on_one_name_is_not_used_by_a_call_for_another() -> None:
    rights = granted(_objects("Role", RULE, "home"), "robot", "home")
    uses = used(
        [Call(USER, "get", "secrets", "home", "token", 200), Call(USER, "patch", "secrets", "home", "x", 200)]
    )

    assert never_used(rights, uses) == ["patch secrets token in home"]
    assert not_granted(uses, rights) == ["patch secrets x in home"]


def test_a_right_of_the_cluster_is_used_in_any_namespace_and_one_of_a_namespace_in_no_other() -> None:
    rule = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}
    uses = used([Call(USER, "get", "deployments", "team", "web", 404, "apps")])

    assert never_used(granted(_objects("ClusterRole", rule, None), "robot", "home"), uses) == []
    assert never_used(granted(_objects("Role", rule, "home"), "robot", "home"), uses) == [
        "get deployments.apps in home"
    ]
    assert granted(_objects("ClusterRole", rule, None), "another", "home") == set()


def test_an_apply_that_made_its_object_used_the_right_to_create_it() -> None:
    made = used([Call(USER, "patch", "deployments", "home", "web", 201, "apps")])
    changed = used([Call(USER, "patch", "deployments", "home", "web", 200, "apps")])

    assert Right("create", "apps", "deployments", "home") in made
    assert {right.verb for right in changed} == {"patch"}


def test_a_refused_call_uses_nothing_and_discovery_needs_nothing() -> None:
    calls = [Call(USER, "get", "pods", "home", "x", 403), Call(USER, "get", "/apis", "", "", 200)]

    assert used(calls) == set()
    assert [call.refused for call in calls] == [True, False]
    assert not Call(
        USER, "create", "events", "home", "x", 403, "", "… because it is being terminated"
    ).refused
