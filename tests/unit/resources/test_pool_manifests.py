"""Each labelled manifest of a pool through the Python twin, and through the schema as far as jsonschema can
judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.task import UnhandledErrors
from nice_operator.resources import read_pool
from tests.support.manifests import Labelled, labelled_manifests
from tests.support.schemas import plain_schema, without_nulls

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds/niceworkerpools.yaml").read_text())
SCHEMA = plain_schema(CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"])

every = labelled_manifests("pools")


def _named(verdict: str) -> Any:
    chosen = [each for each in every if each.verdict == verdict]
    return pytest.mark.parametrize("manifest", chosen, ids=lambda each: each.name)


def _written(manifest: Labelled) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(manifest.path.read_text())
    return document


def test_the_set_is_large_and_sorted_into_its_directories() -> None:
    assert len(every) >= 45
    assert all(each.path.parent.name == each.verdict for each in every)
    assert {each.by for each in every} == {"", "schema", "cel", "strict"}


@_named("refused")
def test_what_kubernetes_refuses_the_twin_refuses_with_field_and_remedy(manifest: Labelled) -> None:
    reading = read_pool(_written(manifest))

    assert reading.refused
    found = [problem.message for problem in reading.problems if problem.field == manifest.field]
    assert any(manifest.says in message for message in found), reading.problems
    assert manifest.says in reading.pool.stalled


@_named("stalled")
def test_a_template_that_cannot_be_used_is_accepted_and_stalled(manifest: Labelled) -> None:
    reading = read_pool(_written(manifest))

    assert not reading.refused
    found = [problem.message for problem in reading.problems if problem.field == manifest.field]
    assert any(manifest.says in message for message in found), reading.problems
    assert manifest.says in reading.pool.stalled


@_named("good")
def test_a_good_pool_has_nothing_against_it(manifest: Labelled) -> None:
    reading = read_pool(_written(manifest))

    assert reading.problems == ()
    assert reading.pool.stalled == ""


@pytest.mark.parametrize("manifest", every, ids=lambda each: each.name)
def test_the_schema_alone_refuses_what_its_label_says(manifest: Labelled) -> None:
    errors = list(Draft202012Validator(SCHEMA).iter_errors(without_nulls(_written(manifest))))

    assert bool(errors) is (manifest.by == "schema"), errors


def test_each_field_becomes_a_value_of_the_pool() -> None:
    written = _written(next(each for each in every if each.name == "good/everything"))
    written["metadata"] |= {"namespace": "team-a", "uid": "u-1", "generation": 3}

    pool = read_pool(written).pool

    assert (pool.full_name, pool.uid, pool.generation) == ("team-a/everything", "u-1", 3)
    assert (pool.min, pool.max, pool.slots, pool.idle.total_seconds()) == (1, 4, 8, 120)
    assert pool.labels == {"disktype": "ssd", "example.com/gpu": "none"}
    assert pool.preload == ("json", "email.mime")
    assert pool.allowed_namespaces == {"*"}
    assert pool.unhandled_errors is UnhandledErrors.WARN
    assert pool.template["spec"]["serviceAccountName"] == "reports"


def test_a_pool_that_an_older_definition_let_through_is_a_pool_that_says_so() -> None:
    reading = read_pool({"apiVersion": "nicecommander.dev/v1beta1", "kind": "NiceWorkerPool",
                         "metadata": {"name": "old", "uid": "u", "generation": 1},
                         "spec": {"slots": -1}})  # fmt: skip

    assert reading.pool.full_name == "default/old"
    assert "spec.slots: must be at least 1" in reading.pool.stalled


def test_a_document_that_names_nobody_is_refused_whole() -> None:
    with pytest.raises(InvalidInput, match="metadata"):
        read_pool({"kind": "NiceWorkerPool"})
