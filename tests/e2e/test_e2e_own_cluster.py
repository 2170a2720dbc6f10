"""The suite on a cluster that it is given: it uses that one only, and leaves it as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.cluster import native
from tests.cluster.places import ROOT, Places
from tests.cluster.providers import CRDS
from tests.cluster.target import VARIABLE, Provider, Target

pytestmark = pytest.mark.timeout(240)
PART = ("tests/e2e/test_e2e_definitions.py", "tests/e2e/test_e2e_manifests.py")
"""What needs an API server alone, and neither nodes nor images."""


@pytest.fixture(scope="module")
def given(target: Target) -> Iterator[Places]:
    """A second native cluster stands for the one that a person has."""
    if target.provider is not Provider.NATIVE:
        pytest.skip("a cluster to give is made here by the native provider only")
    places = Places.of(f"{target.name}-own")
    native.down(places)
    native.up(places, native.Shape(nodes=0))
    yield places
    native.down(places)


def test_the_suite_passes_there_and_leaves_nothing(given: Places) -> None:
    kubectl, before = native.kubectl(given), given.kubeconfig.read_bytes()
    names = kubectl("get", "namespaces", "-o", "name")

    ended = _suite(_named(given))

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"using context nice-cluster-{given.name}" in ended.stderr
    assert " passed" in ended.stdout
    assert kubectl("get", "namespaces", "-o", "name") == names
    assert kubectl("get", "customresourcedefinitions", "-o", "name") == ""
    assert given.kubeconfig.read_bytes() == before


def test_a_cluster_that_has_our_resources_is_refused_and_keeps_them(given: Places) -> None:
    kubectl = native.kubectl(given)
    kubectl("apply", "--server-side", "-f", str(ROOT / "crds" / "nicetasks.yaml"))

    ended = _suite(_named(given))

    assert ended.returncode == 1
    assert f"has {CRDS[0]} already" in ended.stderr
    assert CRDS[0] in kubectl("get", "customresourcedefinitions", "-o", "name")
    kubectl("delete", "-f", str(ROOT / "crds" / "nicetasks.yaml"))


def test_a_context_that_the_file_does_not_know_is_refused(given: Places) -> None:
    ended = _suite({**_named(given), "NICE_E2E_CONTEXT": "another"})

    assert ended.returncode == 1
    assert "another" in ended.stderr


def _named(places: Places) -> dict[str, str]:
    return {"KUBECONFIG": str(places.kubeconfig), "NICE_E2E_CONTEXT": f"nice-cluster-{places.name}"}


def _suite(named: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-m", "tests.cluster", "e2e", *PART, "--quiet", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, cwd=ROOT, env={**environment, **named}, capture_output=True, text=True, check=False
    )
