"""Which cluster the suite runs on, and why: one's own, kind, or the native one. One suite for all three."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import binaries, images, native
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import PACKAGE, Places
from tests.cluster.problem import Problem, say
from tests.cluster.target import LABEL, Provider, Target

CRDS = ("nicetasks.nicecommander.dev", "niceworkerpools.nicecommander.dev")
NATIVE_IMAGES = "localhost/nice-commander"


@dataclass(frozen=True)
class Choice:
    """The provider, and the reason in words for the person who started the suite."""

    provider: Provider
    why: str


def choose(environment: Mapping[str, str], docker_answers: bool) -> Choice:
    """Raises ``Problem`` for a kubeconfig without the name of the context that is meant."""
    context, kubeconfig = environment.get("NICE_E2E_CONTEXT", ""), environment.get("KUBECONFIG", "")
    if context and kubeconfig:
        return Choice(Provider.OWN, f"context {context} of {kubeconfig}, because NICE_E2E_CONTEXT names it")
    if context or kubeconfig:
        given, missing = ("NICE_E2E_CONTEXT", "KUBECONFIG") if context else ("KUBECONFIG", "NICE_E2E_CONTEXT")
        raise Problem(
            f"{given} is set but {missing} is not: a cluster of one's own is used only when both name it. "
            f"Set {missing} to use that cluster, or unset {given} to have one made."
        )
    if docker_answers:
        return Choice(Provider.KIND, "kind, because a Docker engine answers")
    return Choice(
        Provider.NATIVE, "native processes, because no Docker engine answers and no cluster was named"
    )


def docker_answers() -> bool:
    """Whether a Docker engine can be used."""
    if not shutil.which("docker"):
        return False
    try:
        return (
            subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=20).returncode == 0
        )
    except subprocess.TimeoutExpired:
        return False


@contextmanager
def opened(name: str, nodes: int) -> Iterator[Target]:
    """A cluster with the images on it, taken away afterwards; one's own is left as it was."""
    choice = choose(os.environ, docker_answers())
    say(f"using {choice.why}")
    match choice.provider:
        case Provider.OWN:
            with _own() as target:
                yield target
        case Provider.KIND:
            with _kind(name) as target:
                yield target
        case Provider.NATIVE:
            with _native(name, nodes) as target:
                yield target


@contextmanager
def _own() -> Iterator[Target]:
    """Works on a copy of the one context, so that nothing but it can be reached and no file of yours is
    touched.

    Refuses a cluster that has our resources already: the suite would replace them.
    """
    binaries.build_missing((binaries.KUBERNETES,))
    context, kubeconfig = os.environ["NICE_E2E_CONTEXT"], os.environ["KUBECONFIG"]
    program = str(binaries.program("kubectl"))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "kubeconfig"
        copy.touch(mode=0o600)
        one = ["--raw", "--minify", "--flatten", f"--kubeconfig={kubeconfig}", f"--context={context}"]
        copy.write_text(_call(program, "config", "view", *one))
        kubectl = Kubectl(Path(program), copy, context)
        _refuse_if_present(kubectl)
        run = secrets.token_hex(4)
        try:
            yield Target(Provider.OWN, kubectl, image_prefix=os.environ.get("NICE_E2E_IMAGES", ""), run=run)
        finally:
            _leave_nothing(kubectl, run)


def _leave_nothing(kubectl: Kubectl, run: str) -> None:
    """Whatever became of the suite: what it made goes, and this returns when it is gone."""
    kubectl("delete", "namespaces", "--selector", f"{LABEL}={run}", "--wait", "--timeout=180s", seconds=200)
    kubectl("delete", "customresourcedefinitions", *CRDS, "--ignore-not-found", "--wait", seconds=120)


def _refuse_if_present(kubectl: Kubectl) -> None:
    known = kubectl("get", "customresourcedefinitions", "-o", "name")
    if present := [crd for crd in CRDS if crd in known]:
        raise Problem(
            f"context {kubectl.context} has {', '.join(present)} already; the suite would replace it. "
            "Name a cluster without Nice Commander."
        )


@contextmanager
def _native(name: str, nodes: int) -> Iterator[Target]:
    places = Places.of(name)
    native.check_machine()
    binaries.build_missing()
    archives = images.build()
    native.up(places, native.Shape(nodes))
    try:
        native.load_images(places, archives)
        yield Target(Provider.NATIVE, native.kubectl(places), name, NATIVE_IMAGES)
    finally:
        native.down(places)


@contextmanager
def _kind(name: str) -> Iterator[Target]:
    binaries.build_missing((binaries.KUBERNETES, binaries.KIND, *binaries.HELMS))
    kind, tags = binaries.program("kind"), images.build_with_docker()
    with tempfile.TemporaryDirectory() as folder:
        kubeconfig, config = Path(folder) / "kubeconfig", Path(folder) / "kind.yaml"
        config.write_text(kind_config())
        common = ["--name", name, "--kubeconfig", str(kubeconfig)]
        try:
            _call(str(kind), "create", "cluster", "--config", str(config), "--wait", "180s", *common)
            _call(str(kind), "load", "docker-image", "--name", name, *tags)
            kubectl = Kubectl(binaries.program("kubectl"), kubeconfig, f"kind-{name}")
            yield Target(Provider.KIND, kubectl, name, NATIVE_IMAGES)
        finally:
            _call(str(kind), "delete", "cluster", *common)


def kind_config() -> str:
    """``kind.yaml`` with the paths of this checkout."""
    return (PACKAGE / "kind.yaml").read_text().replace("${AUDIT_POLICY}", str(PACKAGE / "audit-policy.yaml"))


def _call(*command: str) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise Problem(f"`{' '.join(command)}` failed: {answer.stderr.strip()[-2000:]}")
    return answer.stdout
