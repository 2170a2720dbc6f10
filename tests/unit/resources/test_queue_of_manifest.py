"""Where runs of a spec wait, read without checking the spec again."""

from __future__ import annotations

from typing import Any

import pytest

from nice_operator.resources import queue_of_manifest, spec_from_manifest

GOOD: list[dict[str, Any]] = [
    {"run": {"external": {}}},
    {"run": {"external": {}}, "taskName": "Other"},
    {"run": {"command": ["true"]}},
    {"run": {"command": ["true"]}, "workerPool": "reports"},
    {"run": {"function": "a:b"}, "workerPool": "team/reports"},
]
PRUNED: list[Any] = [None, [], {}, {"run": None}, {"run": []}, {"workerPool": "reports"}]


@pytest.mark.parametrize("manifest", GOOD)
def test_it_is_where_the_whole_specification_says(manifest: dict[str, Any]) -> None:
    spec = spec_from_manifest({"timeoutAfter": "1 minute", **manifest}, namespace="team", name="hello")

    assert queue_of_manifest(manifest, namespace="team", task_name=spec.task_name) == spec.queue


@pytest.mark.parametrize("manifest", PRUNED)
def test_a_spec_that_is_not_whole_any_more_says_nothing(manifest: Any) -> None:
    assert queue_of_manifest(manifest, namespace="team", task_name="hello") is None
