"""Each labelled manifest gets from a real API server the verdict on its label, and the Python twin agrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nice_operator.folder.reading import read_file
from tests.cluster.kubectl import Answer, Kubectl
from tests.support.manifests import Labelled, labelled_manifests

EVERY = labelled_manifests()
CLIENT_SIDE_LIMIT = 262_144
"""kubectl keeps a copy of what was applied in an annotation, which has at most so many bytes."""


def _named(manifests: list[Labelled]) -> Any:
    return pytest.mark.parametrize("manifest", manifests, ids=lambda each: each.name)


@pytest.fixture(scope="module")
def home(crds: object, kubectl: Kubectl, shared_namespace: str) -> Iterator[dict[str, str]]:
    """For each namespace that a manifest names, one that stands for it here; "" is the one without a name."""
    stand_in = f"{shared_namespace}-team-a"
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": stand_in}})
    yield {"": shared_namespace, "team-a": stand_in}
    kubectl("delete", "namespace", stand_in, "--wait=false")


@_named([each for each in EVERY if each.verdict != "refused"])
def test_what_the_label_accepts_the_server_accepts(
    manifest: Labelled, home: dict[str, str], kubectl: Kubectl
) -> None:
    answer = _apply(manifest, home, kubectl)

    assert answer.code == 0, answer.errors
    assert not read_file(manifest.path, manifest.path.name).broken


@_named([each for each in EVERY if each.verdict == "refused"])
def test_what_the_label_refuses_the_server_refuses_in_words_for_people(
    manifest: Labelled, home: dict[str, str], crds: list[dict[str, Any]], kubectl: Kubectl
) -> None:
    answer = _apply(manifest, home, kubectl)

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


def _apply(manifest: Labelled, home: dict[str, str], kubectl: Kubectl) -> Answer:
    text = manifest.path.read_text(encoding="utf-8").replace(
        "namespace: team-a", f"namespace: {home['team-a']}"
    )
    where = [] if "\n  namespace: " in text else ["--namespace", home[""]]
    server_side = ["--server-side"] if len(text) > CLIENT_SIDE_LIMIT else []
    strictly = ["--dry-run=server", "--validate=strict", *server_side]
    return kubectl.attempt("apply", *strictly, *where, "-f", "-", text=text)
