"""Pausing a task: the NiceTask is changed where its spec lives, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Nicectl, task_document
from tests.unit.cli.scripted_kubectl import NOT_FOUND, ScriptedKubectl, service
from tests.unit.cli.scripted_server import Script

PATCH = "patch nicetasks.nicecommander.dev hello -n nice --type=merge -p"


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedKubectl:
    program = ScriptedKubectl(tmp_path)
    monkeypatch.setenv("PATH", f"{program.install()}:{os.environ['PATH']}")
    program.says("config view", {"contexts": [{"name": "kind", "context": {}}]})
    program.says("get services --all-namespaces", {"items": [service("nice")]})
    program.says(PATCH, {"metadata": {"name": "hello"}})
    return program


@pytest.fixture
def plugin(nicectl: Nicectl, kubectl: ScriptedKubectl, monkeypatch: pytest.MonkeyPatch) -> Nicectl:
    monkeypatch.delenv("NICE_SERVER")

    def call(*arguments: str) -> Any:
        return nicectl(*arguments, program="kubectl-nice")

    return call


@pytest.mark.parametrize(("verb", "word"), [("suspend", "true"), ("resume", "false")])
def test_in_a_cluster_the_spec_is_patched_through_kubernetes_and_no_server_is_asked(
    plugin: Nicectl, kubectl: ScriptedKubectl, server: Script, verb: str, word: str
) -> None:
    answer = plugin(verb, "hello")

    (patch,) = [call for call in kubectl.calls() if call.startswith("patch")]
    assert (answer.code, answer.out) == (0, f"nice/hello is {verb.rstrip('e')}ed\n")
    assert patch.removeprefix(f"{PATCH} ").startswith(f'{{"spec": {{"suspend": {word}}}}}')
    assert "--field-manager=nicectl" in patch
    assert server.requests == []


@pytest.mark.parametrize(
    ("marks", "keeper"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "tasks"}}, "Flux"),
    ],
)
def test_who_would_put_it_back_is_named(
    plugin: Nicectl, kubectl: ScriptedKubectl, marks: dict[str, Any], keeper: str
) -> None:
    kubectl.says(PATCH, {"metadata": {"name": "hello", **marks}})
    answer = plugin("suspend", "hello")
    assert f"{keeper} manages this task and may put it back: say suspend: true there, too." in answer.err


def test_a_task_that_is_not_there_is_not_found(plugin: Nicectl, kubectl: ScriptedKubectl) -> None:
    kubectl.refuses(PATCH, NOT_FOUND.format(what="nicetasks"))
    answer = plugin("suspend", "hello")
    assert answer.code == 4
    assert "there is no NiceTask nice/hello" in answer.err


def test_a_task_of_a_folder_is_paused_in_its_file(nicectl: Nicectl, server: Script) -> None:
    server.json("GET", "/api/v1/tasks/default/hello", task_document())
    answer = nicectl("suspend", "hello")
    assert answer.code == 5
    assert "it is declared in hello.yaml:1: say suspend: true in its spec there" in answer.err


def test_a_task_of_a_cluster_behind_an_address_is_told_how_to_pause(nicectl: Nicectl, server: Script) -> None:
    server.json("GET", "/api/v1/tasks/default/hello", task_document(origin="kubernetes"))
    answer = nicectl("resume", "hello")
    assert answer.code == 5
    assert "nicectl resume default/hello --context NAME" in answer.err
    assert """patch nicetask hello --type=merge -p '{"spec":{"suspend":false}}'""" in answer.err
