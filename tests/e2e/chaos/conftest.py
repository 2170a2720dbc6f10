"""One release for all proofs of this folder, on a native cluster with two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.cluster.target import LABEL, Provider, Target
from tests.support.stage.doors import Doors
from tests.support.stage.effects import Effects
from tests.support.stage.stage import Stage

NAMESPACE = "nice-chaos"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def stage(target: Target, kubectl: Kubectl, crds: list[dict[str, Any]], images: str) -> Iterator[Stage]:
    """The release at work. A stage that an earlier suite left is taken as it is."""
    if target.provider is not Provider.NATIVE:
        pytest.skip(f"a {target.provider} cluster's machines are not ours to harm")
    metadata = {"name": NAMESPACE, "labels": {**RESTRICTED, LABEL: target.run}}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    effects, doors = Effects(target.places), Doors(target.places)
    made = Stage(kubectl, Harm(target.places), images, NAMESPACE, doors, effects)
    made.install()
    effects.start()
    yield made
    effects.stop()
    doors.close()
