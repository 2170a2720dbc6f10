"""The two resource definitions on a real API server: accepted, explained, shown as designed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kubectl import Kubectl

COLUMNS = {
    "nicetasks": ["NAME", "SCHEDULE", "SUSPEND", "ACTIVE", "LAST", "RESULT", "NEXT", "AGE"],
    "niceworkerpools": ["NAME", "MIN", "MAX", "SLOTS", "WORKERS", "BUSY", "QUEUED", "READY", "AGE"],
}
VERSION = "nicecommander.dev/v1beta1"


def test_both_definitions_are_accepted_with_the_cost_of_their_rules(crds: list[dict[str, Any]]) -> None:
    for crd in crds:
        conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
        assert conditions["Established"] == "True"
        assert conditions["NamesAccepted"] == "True"
        assert conditions.get("NonStructuralSchema") is None
    assert len(crds) == 2


def test_every_field_has_a_text_for_kubectl_explain(crds: list[dict[str, Any]], kubectl: Kubectl) -> None:
    for crd in crds:
        schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for path, field in _fields(schema, crd["spec"]["names"]["plural"]):
            assert field.get("description"), f"{path} has no description"


@pytest.mark.parametrize("path", ["nicetask.spec.catchUp", "nicetask.status", "niceworkerpool.spec.template"])
def test_kubectl_explain_shows_the_texts(path: str, crds: list[dict[str, Any]], kubectl: Kubectl) -> None:
    text = kubectl("explain", path, f"--api-version={VERSION}")

    assert "<empty>" not in text
    assert len(text.split("DESCRIPTION:")[1].split()) > 10


@pytest.mark.parametrize("plural", COLUMNS)
def test_the_printed_columns_are_as_designed(
    plural: str, crds: list[dict[str, Any]], kubectl: Kubectl, namespace: str
) -> None:
    kind, spec = {
        "nicetasks": (
            "NiceTask",
            {"timeoutAfter": "2 seconds", "schedule": "20 minutes", "run": {"external": {}}},
        ),
        "niceworkerpools": ("NiceWorkerPool", {}),
    }[plural]
    kubectl.apply(
        {
            "apiVersion": VERSION,
            "kind": kind,
            "metadata": {"name": "one", "namespace": namespace},
            "spec": spec,
        }
    )

    table = json.loads(kubectl("get", "--raw", f"/apis/{VERSION}/namespaces/{namespace}/{plural}"))
    shown = kubectl("get", plural, "--namespace", namespace).splitlines()

    assert shown[0].split() == COLUMNS[plural]
    assert table["items"][0]["status"] == {"observedGeneration": -1}


def test_the_status_is_written_apart_from_the_spec(
    crds: list[dict[str, Any]], kubectl: Kubectl, namespace: str
) -> None:
    spec = {"timeoutAfter": 2000, "run": {"external": {}}}
    kubectl.apply(
        {
            "apiVersion": VERSION,
            "kind": "NiceTask",
            "metadata": {"name": "one", "namespace": namespace},
            "spec": spec,
        }
    )
    patch = json.dumps({"spec": {"suspend": True}, "status": {"observedGeneration": 1, "active": 3}})

    kubectl("patch", "nicetask", "one", "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)

    task = kubectl.get("nicetask", "one", "-n", namespace)
    assert task["status"] == {"observedGeneration": 1, "active": 3}
    assert task["spec"]["suspend"] is False
    assert task["metadata"]["generation"] == 1


GOOD_POOLS: list[dict[str, Any]] = [
    {},
    {"replicas": {"min": 0, "max": 3}, "idleSeconds": 60, "slots": 1},
    {
        "labels": {"disk": "fast", "example.com/zone": ""},
        "preload": ["json", "xml.dom"],
        "allowedNamespaces": ["*"],
    },
    {
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {"containers": [{"name": "runner", "anything": 1}]},
        }
    },
]
BAD_POOLS: list[tuple[dict[str, Any], str]] = [
    ({"replicas": {"min": 20}}, "max must not be less than min"),
    ({"replicas": {"max": 0}}, "spec.replicas.max"),
    ({"slots": 0}, "spec.slots"),
    ({"labels": {"a b": "c"}}, "must be that of a label"),
    ({"labels": {"a": "c c"}}, "must be the value of a label"),
    ({"preload": ["not-a-module"]}, "must be the name of a Python module"),
    ({"preload": ["json", "json"]}, "Duplicate value"),
    ({"allowedNamespaces": ["Team"]}, "must be the name of a namespace"),
    ({"unhandledErrors": "strict"}, "supported values"),
    ({"template": []}, "spec.template"),
    ({"replica": 1}, 'unknown field "spec.replica"'),
]


@pytest.mark.parametrize("spec", GOOD_POOLS)
def test_a_good_pool_is_accepted(
    spec: dict[str, Any], crds: list[dict[str, Any]], kubectl: Kubectl, shared_namespace: str
) -> None:
    answer = _try_pool(kubectl, shared_namespace, spec)

    assert answer.code == 0, answer.errors


@pytest.mark.parametrize(("spec", "says"), BAD_POOLS)
def test_a_bad_pool_is_refused_in_plain_words(
    spec: dict[str, Any], says: str, crds: list[dict[str, Any]], kubectl: Kubectl, shared_namespace: str
) -> None:
    answer = _try_pool(kubectl, shared_namespace, spec)

    assert answer.code != 0
    assert says in answer.errors


def _try_pool(kubectl: Kubectl, namespace: str, spec: dict[str, Any]) -> Any:
    pool = {"apiVersion": VERSION, "kind": "NiceWorkerPool", "metadata": {"name": "p"}, "spec": spec}
    strictly = ["--dry-run=server", "--validate=strict"]
    return kubectl.attempt("apply", *strictly, "--namespace", namespace, "-f", "-", text=json.dumps(pool))


def _fields(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property by its path; what is inside a list counts as inside its field."""
    inner = schema.get("items", schema)
    for name, field in inner.get("properties", {}).items():
        if name != "metadata":  # the API server's own
            yield f"{path}.{name}", field
            yield from _fields(field, f"{path}.{name}")
