"""A native cluster with one release on it: what is measured, and words for looking at it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster import binaries, images, native
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import Places
from tests.cluster.providers import NATIVE_IMAGES
from tests.support.release import CHART, NAME, Release, test_values, until

NAMESPACE = "nice"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
OPERATORS = f"deployment/{NAME}"
OPERATOR_LABELS = "app.kubernetes.io/component=operator"
DATABASE = f"statefulset/{NAME}-database"


@dataclass(frozen=True)
class Stage:
    """Where everything is. ``release`` is reached through a port-forward."""

    places: Places
    release: Release
    tasks: int = 10_000
    """How many are "many"."""

    @property
    def kubectl(self) -> Kubectl:
        """As the cluster's administrator."""
        return self.release.kubectl

    def sql(self, statement: str) -> list[list[str]]:
        """The rows that the release's own database answers."""
        client = ["mariadb", "--socket=/tmp/mariadb.sock", "--user=root", "--batch", "--skip-column-names"]
        told = self.kubectl("exec", "-n", NAMESPACE, DATABASE, "--", *client, "nice", "-e", statement)
        return [line.split("\t") for line in told.splitlines()]

    def number(self, statement: str) -> int:
        """The one number of an answer; 0 for NULL."""
        value = self.sql(statement)[0][0]
        return 0 if value == "NULL" else int(value)

    def operators(self) -> Sequence[str]:
        """Names of the operator's pods."""
        pods = self.kubectl.get("pods", "-n", NAMESPACE, "-l", OPERATOR_LABELS)["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def leader(self) -> str:
        """The pod that leads."""
        return self.sql("SELECT holder FROM leader")[0][0]

    def scale(self, replicas: int) -> None:
        """So many operators; returns when the old ones are gone or the new ones serve."""
        self.kubectl("scale", OPERATORS, "-n", NAMESPACE, f"--replicas={replicas}")
        if replicas:
            self.release.ready()
        else:
            until(lambda: not self._any_operator() or None, "the operators are gone", 60)

    def _any_operator(self) -> bool:
        return bool(self.kubectl.get("pods", "-n", NAMESPACE, "-l", OPERATOR_LABELS)["items"])

    def apply(self, *objects: dict[str, Any]) -> None:
        """Into the release's namespace, as a person does: client side."""
        for each in objects:
            each["metadata"]["namespace"] = NAMESPACE
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "-f", "-", text=text)


def external(name: str, **spec: Any) -> dict[str, Any]:
    """A NiceTask that works elsewhere, so that it needs no pool."""
    return {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": name},
        "spec": {"timeoutAfter": "1 minute", "run": {"external": {}}, **spec},
    }


def say(text: str) -> None:
    """Progress, beside the table."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def opened(name: str, *, tasks: int, keep: bool = False) -> Iterator[Stage]:
    """The cluster and the release, taken away afterwards; with ``keep`` they stay, and are used again."""
    places = Places.of(name)
    if not places.complete.exists():
        _raise(places)
    try:
        with _release(places) as release:
            yield Stage(places, release, tasks)
    finally:
        if not keep:
            native.down(places)


def _raise(places: Places) -> None:
    native.check_machine()
    binaries.build_missing()
    archives = images.build()
    native.up(places, native.Shape(1))
    native.load_images(places, archives)


@contextmanager
def _release(places: Places) -> Iterator[Release]:
    kubectl = native.kubectl(places)
    kubectl.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
    )
    release = Release(kubectl, NAMESPACE)
    values = {**test_values(NATIVE_IMAGES), "crds": {"enabled": True, "keep": False}}
    say("installing the product …")
    release.helm("upgrade", "--install", NAME, str(CHART), values=values)
    release.ready()
    with release.reached():
        yield release
