"""What the suite is given: a cluster, whoever provided it, and what may be done to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.cluster.kubectl import Kubectl
from tests.cluster.places import Places
from tests.cluster.problem import Problem

VARIABLE = "NICE_E2E_TARGET"
LABEL = "nicecommander.dev/e2e"
"""On every namespace that the suite makes; its value is the run of the suite."""


class Provider(StrEnum):
    """Where the cluster comes from."""

    OWN = "own"
    KIND = "kind"
    NATIVE = "native"


@dataclass(frozen=True)
class Target:
    """One cluster under test."""

    provider: Provider
    kubectl: Kubectl
    name: str = ""
    """The native or kind cluster's name."""
    image_prefix: str = ""
    """What stands before ``operator:test``; empty when the cluster has no images of ours."""
    run: str = "by-hand"
    """The value of ``LABEL`` on what this run of the suite makes."""

    @property
    def ours(self) -> bool:
        """Whether the cluster was made for the tests, so that they may do anything to it."""
        return self.provider is not Provider.OWN

    @property
    def places(self) -> Places:
        """The files of a native cluster. Raises ``Problem`` for any other."""
        if self.provider is not Provider.NATIVE:
            raise Problem(
                f"a {self.provider} cluster has no machines that we can reach; this needs the native one"
            )
        return Places.of(self.name)

    def as_variable(self) -> dict[str, str]:
        """The environment variable by which the suite learns of its cluster."""
        said = {
            "provider": self.provider.value,
            "program": str(self.kubectl.program),
            "kubeconfig": str(self.kubectl.kubeconfig),
            "context": self.kubectl.context,
            "name": self.name,
            "image_prefix": self.image_prefix,
            "run": self.run,
        }
        return {VARIABLE: json.dumps(said)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Target | None:
        """What ``as_variable`` said; None when nothing is said."""
        if VARIABLE not in environment:
            return None
        said = json.loads(environment[VARIABLE])
        kubectl = Kubectl(Path(said["program"]), Path(said["kubeconfig"]), said["context"])
        return cls(Provider(said["provider"]), kubectl, said["name"], said["image_prefix"], said["run"])
