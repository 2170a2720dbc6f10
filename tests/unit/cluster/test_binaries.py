"""What is built, at which version, and what is too old to build it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cluster import binaries
from tests.cluster.kubectl import Kubectl
from tests.cluster.problem import Problem
from tests.cluster.target import Provider, Target


@pytest.mark.parametrize("family", binaries.ALL, ids=lambda family: family.name)
def test_every_family_pins_a_release_in_a_module_of_its_own(family: binaries.Family) -> None:
    assert re.fullmatch(r"v\d+\.\d+\.\d+", family.version())
    for package in family.programs.values():
        assert package in (family.module / "go.mod").read_text()
    assert (family.module / "go.sum").exists()


@pytest.mark.parametrize("family", binaries.ALL, ids=lambda family: family.name)
def test_no_family_needs_a_newer_go_than_we_ask_for(family: binaries.Family) -> None:
    said = re.search(r"^go (\d+)\.(\d+)", (family.module / "go.mod").read_text(), re.MULTILINE)

    assert said is not None
    assert (int(said[1]), int(said[2])) <= binaries.MINIMUM_GO


def test_the_api_server_is_told_its_version() -> None:
    flags = binaries.KUBERNETES.linker_flags()

    assert f"k8s.io/component-base/version.gitVersion={binaries.KUBERNETES.version()}" in flags
    assert "gitMajor=1 " in flags


@pytest.mark.parametrize("text", ["go version go1.22.9 linux/amd64", "go version devel linux/amd64"])
def test_an_old_go_is_refused_with_the_remedy(text: str) -> None:
    with pytest.raises(Problem, match=r"1\.24 or newer; found"):
        binaries.check_go(text, Path("/usr/bin/go"))


def test_go_1_24_is_new_enough() -> None:
    binaries.check_go("go version go1.24.0 linux/arm64", Path("/usr/bin/go"))


def test_the_suite_learns_of_its_cluster_by_a_variable() -> None:
    target = Target(
        Provider.OWN, Kubectl(Path("/k"), Path("/c"), "staging"), image_prefix="r.example/n", run="r1"
    )

    assert Target.from_environment(target.as_variable()) == target
    assert Target.from_environment({}) is None
