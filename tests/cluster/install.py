"""The product on a native cluster, from this checkout, for a person who wants to try it."""

from __future__ import annotations

from pathlib import Path

from tests.cluster import binaries, images, native
from tests.cluster.places import Places
from tests.cluster.problem import say
from tests.cluster.providers import NATIVE_IMAGES
from tests.support.release import CHART, NAME, Release, test_values

NAMESPACE = "nice"
NEEDED = tuple(image for image in images.ALL if image.target != "moto")
WITHIN = 240
"""Seconds until everything is ready."""


def install(places: Places) -> None:
    """Build the images that changed, put them on the nodes, install or upgrade the release, and say what to
    try. Raises ``Problem`` where the cluster is not up."""
    native.shape(places)
    native.load_images(places, images.build(NEEDED))
    say(f"installing {CHART.name} into namespace {NAMESPACE}")
    release = Release(native.kubectl(places), NAMESPACE)
    values = {**test_values(NATIVE_IMAGES), "crds": {"enabled": True}}
    release.helm("upgrade", "--install", "--create-namespace", NAME, str(CHART), values=values)
    say("waiting for its pods")
    release.ready(WITHIN)
    folders = [str(Path(binaries.program(name)).parent) for name in ("kubectl", "helm")]
    print(f"export KUBECONFIG={places.kubeconfig} PATH={':'.join(folders)}:$PATH")
    print(f"kubectl apply -n {NAMESPACE} -f crds/examples/")
    print(f"bin/nicectl run hello -n {NAMESPACE} --follow --context nice-cluster-{places.name}")
