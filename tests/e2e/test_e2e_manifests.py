"""Each labelled manifest gets from a real API server the verdict on its label, and the Python twin agrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nice_operator.folder.reading import read_file
from tests.cluster.kubectl import Answer, Kubectl
from tests.support.applying import try_all
from tests.support.manifests import Labelled, labelled_manifests

EVERY = labelled_manifests()


def _named(manifests: list[Labelled]) -> Any:
    return pytest.mark.parametrize("manifest", manifests, ids=lambda each: each.name)


@pytest.fixture(scope="module")
def answers(
    crds: object, kubectl: Kubectl, shared_namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Answer]:
    """What the server says of each, by name."""
    folder = tmp_path_factory.mktemp("manifests")
    texts = {each.name: _of_one_namespace(each, shared_namespace) for each in EVERY}
    return try_all(kubectl, shared_namespace, texts, folder)


def _of_one_namespace(manifest: Labelled, namespace: str) -> str:
    """The namespace that a manifest names need not exist here; the one of this module stands for it."""
    return manifest.path.read_text(encoding="utf-8").replace("namespace: team-a", f"namespace: {namespace}")


@_named([each for each in EVERY if each.verdict != "refused"])
def test_what_the_label_accepts_the_server_accepts(manifest: Labelled, answers: dict[str, Answer]) -> None:
    answer = answers[manifest.name]

    assert answer.code == 0, answer.errors
    assert not read_file(manifest.path, manifest.path.name).broken


@_named([each for each in EVERY if each.verdict == "refused"])
def test_what_the_label_refuses_the_server_refuses_in_words_for_people(
    manifest: Labelled, answers: dict[str, Answer], crds: list[dict[str, Any]]
) -> None:
    answer = answers[manifest.name]

    assert answer.code != 0, answer.output
    assert _speaks(manifest, answer.errors, crds[0]), answer.errors
    assert read_file(manifest.path, manifest.path.name).broken


def _speaks(manifest: Labelled, errors: str, crd: dict[str, Any]) -> bool:
    """A rule of ours in our own words; Kubernetes' own rules at least name the field, where they are about
    ours."""
    if manifest.by == "cel":
        return any(message in errors for message in _messages(crd))
    if manifest.by == "metadata":
        return bool(errors.strip())
    return manifest.field.split(".")[-1].split("[")[0] in errors


def _messages(part: Any) -> Iterator[str]:
    """What the rules of a definition say."""
    if isinstance(part, dict):
        yield from (rule["message"] for rule in part.get("x-kubernetes-validations", ()))
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _messages(inner)
