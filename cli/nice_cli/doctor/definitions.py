"""Checks of the two resource definitions: they are what this version of the product needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nice_cli.api import Document
from nice_cli.doctor.finding import Finding, fail, ok, warn
from nice_cli.errors import Failure
from nice_cli.kube.kubectl import Absent, Forbidden, Kubectl

VERSION = "v1beta1"
UPGRADE = "kubectl apply --server-side --force-conflicts -f crds/, or helm upgrade with crds.enabled"

FIELDS: Mapping[str, frozenset[str]] = {
    "nicetasks.nicecommander.dev": frozenset(
        {
            "catchUp", "concurrencyPolicy", "daylightSaving", "description", "env", "history",
            "logFormat", "maxConcurrency", "memoryLimit", "notAfter", "notBefore", "onLost",
            "payload", "payloadSchema", "priority", "retry", "run", "runAt", "schedule", "schedules",
            "startingDeadlineSeconds", "suspend", "taskName", "terminationGracePeriodSeconds",
            "timeZone", "timeoutAfter", "unhandledErrors", "workerPool", "workerSelector",
        }
    ),
    "niceworkerpools.nicecommander.dev": frozenset(
        {
            "allowedNamespaces", "idleSeconds", "labels", "preload", "replicas", "slots", "template",
            "unhandledErrors",
        }
    ),
}  # fmt: skip
"""The fields of each spec. One that an older definition lacks is dropped in silence when it is applied."""


def check_definitions(kubectl: Kubectl) -> Iterator[Finding]:
    """Both of them."""
    for name, fields in FIELDS.items():
        try:
            yield from check_definition(kubectl.get("crd", name), fields)
        except Absent:
            yield fail("crd", f"{name} is not there", UPGRADE)
        except Forbidden:
            yield warn("crd", f"{name}: you may not read it", "ask somebody who may, if tasks are refused")
        except Failure as failure:
            yield fail("crd", failure.message, "look at the cluster's API server")


def check_definition(definition: Document, fields: frozenset[str]) -> Iterator[Finding]:
    """One of them as the cluster has it."""
    name = definition["metadata"]["name"]
    version = next((one for one in definition["spec"]["versions"] if one["name"] == VERSION), None)
    if version is None or not version["served"]:
        yield fail("crd", f"{name} does not serve {VERSION}", UPGRADE)
        return
    schema = version.get("schema", {}).get("openAPIV3Schema", {}).get("properties", {})
    missing = sorted(fields - set(schema.get("spec", {}).get("properties", {})))
    if missing:
        yield fail("crd", f"{name} is of an older version: it drops spec.{', spec.'.join(missing)}", UPGRADE)
    elif "status" not in version.get("subresources", {}):
        yield fail("crd", f"{name} has no status of its own: spec and status change together", UPGRADE)
    elif not _established(definition):
        yield fail(
            "crd", f"{name} is not established", "kubectl describe crd tells which names are in the way"
        )
    else:
        yield ok("crd", f"{name} serves {VERSION}")


def _established(definition: Document) -> bool:
    conditions = definition.get("status", {}).get("conditions", [])
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)
