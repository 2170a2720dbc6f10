"""Which cluster is chosen, and why."""

from __future__ import annotations

import pytest

from tests.cluster.problem import Problem
from tests.cluster.providers import choose
from tests.cluster.target import Provider

OWN = {"KUBECONFIG": "/home/me/config", "NICE_E2E_CONTEXT": "staging"}


@pytest.mark.parametrize("docker", [True, False])
def test_a_cluster_that_is_named_in_full_goes_before_everything(docker: bool) -> None:
    choice = choose(OWN, docker)

    assert choice.provider is Provider.OWN
    assert "staging" in choice.why


@pytest.mark.parametrize("given", OWN)
def test_half_a_name_is_refused_with_both_ways_out(given: str) -> None:
    with pytest.raises(Problem, match=f"unset {given}"):
        choose({given: OWN[given]}, docker_answers=True)


def test_kind_needs_a_docker_engine_that_answers() -> None:
    assert choose({}, docker_answers=True).provider is Provider.KIND
    assert choose({}, docker_answers=False).provider is Provider.NATIVE
