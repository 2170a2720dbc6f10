"""The cluster under test, namespaces on it that go away again, and what is kept when a test fails."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import native
from tests.cluster.collect import collect, digest
from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import ROOT, Places
from tests.cluster.target import LABEL, Provider, Target
from tests.cluster.waiting import until

GIVEN = Target.from_environment(os.environ)
FAILURES = ROOT / ".cache" / ("e2e" if GIVEN is None or GIVEN.ours else "e2e-own")
CRDS = ROOT / "crds"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here / "chaos" in item.path.parents:
            item.add_marker(pytest.mark.chaos)
        elif here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


def pytest_sessionstart() -> None:
    """What an earlier suite left to be looked at would be taken for this one's."""
    shutil.rmtree(FAILURES, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Look around while what failed is still there."""
    report = yield
    used: dict[str, Any] = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and (target := used.get("target")):
        folder = FAILURES / "".join(c if c.isalnum() else "-" for c in item.name)[:80]
        namespaces = [used[name] for name in ("namespace", "shared_namespace") if name in used]
        namespaces += [used["stage"].namespace] if "stage" in used else []
        collect(target, namespaces, folder)
        where = f"descriptions, events and logs are in {folder}"
        report.sections.append(("the cluster", f"{where}\n{digest(folder, namespaces)}"))
    return report


@pytest.fixture(scope="session")
def target() -> Target:
    """What ``make e2e`` made or was given; else a native cluster that is up."""
    if GIVEN:
        return GIVEN
    places = Places.of("nice")
    if not places.complete.exists():
        pytest.exit("tests/e2e needs a cluster: run make e2e, or make cluster first", returncode=4)
    return Target(Provider.NATIVE, native.kubectl(places), places.name, "localhost/nice-commander")


@pytest.fixture(scope="session")
def kubectl(target: Target) -> Kubectl:
    return target.kubectl


@pytest.fixture(scope="session")
def crds(kubectl: Kubectl) -> list[dict[str, Any]]:
    """Both definitions, accepted and established. The provider takes them from a cluster that is not ours."""
    files = ["-f", str(CRDS / "nicetasks.yaml"), "-f", str(CRDS / "niceworkerpools.yaml")]
    kubectl("apply", "--server-side", *files)
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *files)
    for plural in ("nicetasks", "niceworkerpools"):  # told in kubectl explain a moment later
        explain = ("explain", plural, "--api-version=nicecommander.dev/v1beta1")
        until(f"kubectl explain knows {plural}", lambda e=explain: kubectl.attempt(*e).code == 0, 30)
    found: list[dict[str, Any]] = json.loads(kubectl("get", *files, "-o", "json"))["items"]
    return found


@pytest.fixture
def namespace(target: Target, kubectl: Kubectl) -> Iterator[str]:
    """A namespace of its own in which Pod Security ``restricted`` is enforced."""
    yield from _namespace(kubectl, target.run)


@pytest.fixture(scope="module")
def shared_namespace(target: Target, kubectl: Kubectl) -> Iterator[str]:
    """One for all tests of a module."""
    yield from _namespace(kubectl, target.run)


@pytest.fixture(scope="module")
def make_namespace(target: Target, kubectl: Kubectl) -> Iterator[Callable[[], str]]:
    """More of them, for a module whose subject is namespaces."""
    another = contextmanager(_namespace)
    with ExitStack() as made:
        yield lambda: made.enter_context(another(kubectl, target.run))


def _namespace(kubectl: Kubectl, run: str) -> Iterator[str]:
    name = f"nice-e2e-{secrets.token_hex(4)}"
    metadata = {"name": name, "labels": {**RESTRICTED, LABEL: run}}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def harm(target: Target) -> Harm:
    """Harm to machines, where there are machines of ours."""
    if target.provider is not Provider.NATIVE:
        pytest.skip(f"a {target.provider} cluster's machines are not ours to harm")
    return Harm(target.places)


@pytest.fixture(scope="session")
def images(target: Target) -> str:
    """What stands before ``operator:test`` in the name of an image."""
    if not target.image_prefix:
        pytest.skip("this cluster has no images of ours; NICE_E2E_IMAGES names their prefix")
    return target.image_prefix
