"""Each labelled manifest through the Python twin, and through the schema as far as jsonschema can judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nice_operator.folder.reading import read_file
from nice_operator.folder.yaml_text import read_documents
from nice_operator.resources import spec_from_manifest
from tests.support.manifests import Labelled, labelled_manifests
from tests.support.schemas import plain_schema, without_nulls

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds/nicetasks.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

every = labelled_manifests()
refused = [each for each in every if each.verdict == "refused"]
stalled = [each for each in every if each.verdict == "stalled"]
good = [each for each in every if each.verdict == "good"]


def _named(manifests: list[Labelled]) -> Any:
    return pytest.mark.parametrize("manifest", manifests, ids=lambda each: each.name)


def test_the_set_is_large_and_sorted_into_its_directories() -> None:
    assert len(refused) + len(stalled) >= 60
    assert all(each.path.parent.name == each.verdict for each in every)
    assert {each.by for each in refused} == {"schema", "listmap", "cel", "strict", "metadata"}


@_named(refused)
def test_what_kubernetes_refuses_the_twin_refuses_with_field_and_remedy(manifest: Labelled) -> None:
    reading = read_file(manifest.path, manifest.path.name)

    assert reading.tasks == ()
    assert reading.broken
    found = [str(problem) for problem in reading.problems if problem.field == manifest.field]
    assert any(manifest.says in message for message in found), reading.problems
    assert all(problem.line for problem in reading.problems)


@_named(stalled)
def test_what_only_we_can_know_is_accepted_and_stalled(manifest: Labelled) -> None:
    reading = read_file(manifest.path, manifest.path.name)

    assert not reading.broken
    assert len(reading.tasks) == 1
    assert reading.tasks[0].spec is None
    assert manifest.says in reading.tasks[0].stalled
    assert any(p.field == manifest.field and manifest.says in p.message for p in reading.problems)


@_named(good)
def test_a_good_manifest_is_taken_and_read_again_from_the_store_the_same(manifest: Labelled) -> None:
    reading = read_file(manifest.path, manifest.path.name)

    assert reading.problems == ()
    task = reading.tasks[0]
    assert task.stalled == ""
    assert spec_from_manifest(task.manifest, namespace=task.namespace, name=task.name) == task.spec


@_named([each for each in every if each.by in ("", "schema")])
def test_the_schema_alone_refuses_what_its_label_says(manifest: Labelled) -> None:
    value = read_documents(manifest.path.read_bytes())[0][0].value

    errors = list(Draft202012Validator(plain_schema(SCHEMA)).iter_errors(without_nulls(value)))

    assert bool(errors) is (manifest.by == "schema"), errors
