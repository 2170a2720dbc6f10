"""What the API server shows becomes a definition, whatever it is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml

from nice_operator.handlers.definition import definition_of, without_pool
from nice_operator.handlers.seen import Gone, Seen, sight_of
from nice_operator.resources import spec_from_manifest

WORKS: dict[str, Any] = {"timeoutAfter": "1 minute", "run": {"external": {}}}
SHOWN: dict[str, Any] = yaml.safe_load("""
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata:
  name: hello
  namespace: team
  uid: 7a1c8a52-0000-4000-8000-000000000001
  generation: 3
  resourceVersion: "1234"
  creationTimestamp: "2026-03-01T12:00:00Z"
  labels: {app: hello}
  annotations:
    nicecommander.dev/run-requested-at: "2026-03-01T12:00:01Z"
    kubectl.kubernetes.io/last-applied-configuration: "{…}"
  managedFields:
    - {manager: kubectl, operation: Apply, fieldsV1: {"f:spec": {}}}
spec:
  catchUp: Latest
  daylightSaving: {gap: RunAfter, repeat: First}
  description: ""
  history: {failed: {count: 100, days: 90}, succeeded: {count: 100, days: 30}}
  logFormat: Text
  onLost: Retry
  priority: 0
  retry:
    backoff: {factor: 2, initialSeconds: 10, jitterPercent: 10, maxSeconds: 600}
    maxAttempts: 1
    rules: []
  run: {python: {source: "def run(payload): return payload"}}
  schedule: 0 3 * * *
  suspend: false
  terminationGracePeriodSeconds: 10
  timeZone: Etc/UTC
  timeoutAfter: 2000
status:
  observedGeneration: 2
  conditions: []
""")


def _shown(**changes: Any) -> dict[str, Any]:
    return copy.deepcopy(SHOWN) | changes


def _seen(document: dict[str, Any]) -> Seen:
    sight = sight_of("MODIFIED", document)
    assert isinstance(sight, Seen)
    return sight


def test_an_object_with_defaults_and_status_is_read_and_its_spec_kept_as_it_is() -> None:
    definition = definition_of(_seen(_shown()))

    assert definition.stalled == ""
    assert definition.manifest == SHOWN["spec"]
    assert (definition.uid, definition.generation) == (SHOWN["metadata"]["uid"], 3)
    assert (definition.namespace, definition.name, definition.origin) == ("team", "hello", "kubernetes")
    assert definition.created_at is not None
    assert definition.created_at.isoformat() == "2026-03-01T12:00:00+00:00"
    assert definition.spec == spec_from_manifest(SHOWN["spec"], namespace="team", name="hello")


def test_only_what_is_ours_is_kept_while_it_waits() -> None:
    seen = _seen(_shown())

    assert seen.document["metadata"] == {
        "name": "hello",
        "namespace": "team",
        "creationTimestamp": "2026-03-01T12:00:00Z",
        "annotations": {"nicecommander.dev/run-requested-at": "2026-03-01T12:00:01Z"},
    }
    assert seen.requested == "2026-03-01T12:00:01Z"
    assert "status" not in seen.document
    assert json.loads(seen.shown.status) == SHOWN["status"]
    assert seen.shown.version == "1234"


def test_an_object_without_annotations_asks_for_nothing() -> None:
    document = _shown()
    del document["metadata"]["annotations"]

    assert _seen(document).requested == ""


@pytest.mark.parametrize("kind", [None, "ADDED", "MODIFIED"])
def test_an_object_that_is_being_deleted_is_gone(kind: str | None) -> None:
    document = _shown()
    document["metadata"]["deletionTimestamp"] = "2026-03-01T13:00:00Z"

    assert sight_of(kind, document) == Gone("team", "hello", SHOWN["metadata"]["uid"])


def test_a_deleted_object_is_gone() -> None:
    assert sight_of("DELETED", _shown()) == Gone("team", "hello", SHOWN["metadata"]["uid"])


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (None, "spec: is required"),
        ("text", "spec: must be a mapping"),
        ([1], "spec: must be a mapping"),
        ({"timeoutAfter": "1 minute"}, "spec.run: is required"),
        (
            {"timeoutAfter": "1 minute", "run": {"external": {}}, "x": 1},
            "spec.x: is not a field of a NiceTask",
        ),
        ({"timeoutAfter": "1 minute", "run": {"external": {}}, "timeZone": "Mars/Base"}, "spec.timeZone: "),
    ],
)
def test_a_spec_that_cannot_work_is_a_stalled_definition_with_its_field(spec: Any, says: str) -> None:
    definition = definition_of(_seen(_shown(spec=spec)))

    assert definition.spec is None
    assert definition.stalled.startswith(says)
    assert definition.generation == 3
    assert definition.manifest == (spec if isinstance(spec, dict) else {})
    assert definition.annotations == {"nicecommander.dev/run-requested-at": "2026-03-01T12:00:01Z"}


def test_a_payload_nested_without_end_is_stalled_and_breaks_nothing() -> None:
    deep: Any = None
    for _ in range(2000):
        deep = [deep]

    definition = definition_of(_seen(_shown(spec=SHOWN["spec"] | {"payload": deep})))

    assert definition.spec is None
    assert definition.stalled


def test_a_pool_that_refuses_stalls_the_definition_and_keeps_its_manifest() -> None:
    definition = definition_of(_seen(_shown()))

    refused = without_pool(definition, "there is no worker pool a/b; make one")

    assert (refused.spec, refused.manifest) == (None, definition.manifest)
    assert refused.stalled == "spec.workerPool: there is no worker pool a/b; make one"
    assert without_pool(definition, None) is definition
