"""The examples for Argo CD and Flux: in the right order, about files that are there, with specs that work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nice_operator.resources import GROUP, examine
from nice_operator.resources.pool import read_pool

ROOT = Path(__file__).resolve().parents[3]
GITOPS = ROOT / "deploy/gitops"
WAVE = "argocd.argoproj.io/sync-wave"


def documents(*parts: str) -> list[dict[str, Any]]:
    text = GITOPS.joinpath(*parts).read_text(encoding="utf-8")
    return [document for document in yaml.safe_load_all(text) if document]


def wave(document: dict[str, Any]) -> int:
    return int(document["metadata"]["annotations"][WAVE])


def test_argo_cd_applies_definitions_then_operators_then_the_rest() -> None:
    applications = documents("argocd", "applications.yaml")
    assert [(one["metadata"]["name"], wave(one)) for one in applications] == [
        ("nice-commander-crds", -2), ("nice-commander", -1), ("nice-tasks", 0),
    ]  # fmt: skip
    assert [(ROOT / one["spec"]["source"]["path"]).is_dir() for one in applications] == [True] * 3


def test_within_an_application_pools_come_before_tasks() -> None:
    (pool,), (task,) = (
        documents("example", "pools", "reports.yaml"),
        documents("example", "tasks", "nightly-report.yaml"),
    )
    assert wave(pool) < wave(task)
    assert "SkipDryRunOnMissingResource=true" in task["metadata"]["annotations"].values()


def test_flux_waits_for_each_step_before_the_next() -> None:
    steps = [one for one in documents("flux", "flux.yaml") if one["kind"] == "Kustomization"]
    names = [one["metadata"]["name"] for one in steps]
    assert names == ["nice-commander-crds", "nice-commander", "nice-pools", "nice-tasks"]
    assert all(one["spec"]["wait"] for one in steps)
    needs = [[each["name"] for each in one["spec"].get("dependsOn", ())] for one in steps]
    assert needs == [[], *([name] for name in names[:-1])]
    assert [(ROOT / one["spec"]["path"]).is_dir() for one in steps] == [True] * 4


@pytest.mark.parametrize(
    "files", [("argocd", "applications.yaml"), ("flux", "flux.yaml")], ids=["argocd", "flux"]
)
def test_the_definitions_are_never_pruned(files: tuple[str, ...]) -> None:
    (step,) = [one for one in documents(*files) if one["metadata"]["name"] == "nice-commander-crds"]
    policy = step["spec"].get("syncPolicy", {}).get("automated", step["spec"])
    assert policy["prune"] is False


def test_flux_sees_no_examples_among_the_definitions() -> None:
    source = documents("flux", "flux.yaml")[0]
    assert "/crds/examples/" in source["spec"]["ignore"].split()
    assert (ROOT / "crds/examples").is_dir()


def test_both_give_the_chart_the_same_values() -> None:
    argo = documents("argocd", "applications.yaml")[1]["spec"]["source"]["helm"]["valuesObject"]
    flux = documents("flux", "release", "release.yaml")[1]["spec"]["values"]
    assert argo == flux
    assert argo["crds"] == {"enabled": False}


def test_the_pool_and_the_task_of_the_example_work() -> None:
    (pool,) = documents("example", "pools", "reports.yaml")
    (task,) = documents("example", "tasks", "nightly-report.yaml")
    reading = examine(task, uid="u1", generation=1)

    assert reading.definition is not None
    assert reading.definition.spec is not None
    assert (reading.definition.stalled, reading.definition.spec.queue) == ("", "pool:nice/reports")
    assert pool["apiVersion"].startswith(f"{GROUP}/")
    found = read_pool(pool)
    assert found.problems == ()
    assert found.pool.admits(task["metadata"]["namespace"])
