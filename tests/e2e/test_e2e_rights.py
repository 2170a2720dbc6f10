"""Least rights of a release that watches one namespace: its Roles give what the audit log shows it to need,
nothing is refused, and no other namespace is touched. (A release that watches all: test_e2e_release.py.)"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster import audit
from tests.cluster.kubectl import Kubectl
from tests.cluster.target import Provider, Target
from tests.support import exercise
from tests.support.release import NAME, Release, condition, installed, test_values, until
from tests.support.rights import check_rights

pytestmark = pytest.mark.timeout(300)

WORKER = "nicecommander.dev/pool=default"
ASK_WITH_THE_WORKERS_TOKEN = """
import ssl, urllib.error, urllib.request
token = open("/var/run/secrets/nicecommander.dev/token").read()
trust = ssl._create_unverified_context()
proof = {"Authorization": "Bearer " + token}
request = urllib.request.Request("https://kubernetes.default.svc/api", headers=proof)
try:
    print(urllib.request.urlopen(request, context=trust, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@dataclass(frozen=True)
class Narrow:
    """``release`` has its default pool in a namespace that it does not watch. ``watched`` has tasks and a
    pool; ``foreign`` too, but is none of its."""

    release: Release
    watched: str
    foreign: str
    tasks: tuple[str, ...]
    """Those in ``watched``."""


@pytest.fixture(scope="module")
def narrow(
    kubectl: Kubectl,
    crds: list[dict[str, Any]],
    shared_namespace: str,
    make_namespace: Callable[[], str],
    images: str,
) -> Iterator[Narrow]:
    """Everything that it does has been done once, and something waited for it in vain all the time."""
    watched, foreign = make_namespace(), make_namespace()
    kubectl.apply(exercise.task(foreign, "ignored"), exercise.pool(foreign, "ignored"))
    values = {**test_values(images), "watchNamespaces": [watched], "poolNamespaces": [watched]}
    with installed(kubectl, shared_namespace, values) as release:
        exercise.request(kubectl, foreign, "ignored")
        kubectl.apply(exercise.task(watched, "common"))
        own = exercise.everything(kubectl, watched)
        exercise.request(kubectl, watched, "common")
        yield Narrow(release, watched, foreign, ("common", own))


@pytest.fixture(scope="module")
def calls(target: Target, narrow: Narrow) -> list[audit.Call]:
    """Every one that its operator made."""
    if target.provider is not Provider.NATIVE:
        pytest.skip(f"the audit log of a {target.provider} cluster is not ours to read")
    return audit.calls(target.places, f"system:serviceaccount:{narrow.release.namespace}:{NAME}")


def test_a_watched_task_runs_in_the_pool_of_the_release_and_in_one_of_its_own(narrow: Narrow) -> None:
    kubectl, watched = narrow.release.kubectl, narrow.watched

    def succeeded() -> bool | None:
        tasks = [kubectl.get("nicetask", name, "-n", watched) for name in narrow.tasks]
        return {condition(task, "LastRunSucceeded") for task in tasks} == {"True"} or None

    until(succeeded, "both have run")


def test_every_right_of_its_roles_was_used_and_nothing_was_refused(
    narrow: Narrow, calls: list[audit.Call]
) -> None:
    check_rights(narrow.release, calls)


def test_no_call_leaves_its_namespaces(narrow: Narrow, calls: list[audit.Call]) -> None:
    of_the_cluster = {(call.verb, call.resource) for call in calls if not call.namespace and call.group}

    assert {call.namespace for call in calls} == {"", narrow.release.namespace, narrow.watched}
    assert of_the_cluster == {("create", "tokenreviews")}


def test_a_task_and_a_pool_of_another_namespace_are_left_alone(narrow: Narrow) -> None:
    kubectl, foreign = narrow.release.kubectl, narrow.foreign
    made = kubectl.get("events,deployments,pods", "-n", foreign)["items"]
    ignored = kubectl.get("nicetasks,niceworkerpools", "-n", foreign)["items"]

    assert made == []
    assert len(ignored) == 2
    assert [each["status"] for each in ignored] == [{"observedGeneration": -1}] * 2


def test_the_account_of_workers_may_do_what_an_account_without_any_right_may(narrow: Narrow) -> None:
    kubectl, namespace = narrow.release.kubectl, narrow.release.namespace

    def allowed(account: str, where: str) -> str:
        user = f"system:serviceaccount:{namespace}:{account}"
        return kubectl("auth", "can-i", "--list", f"--as={user}", "-n", where)

    for where in (namespace, narrow.watched):
        assert allowed(f"{NAME}-worker", where) == allowed("nobody-knows-me", where)
        # The control: such a list would show a right.
        assert "nicetasks" in allowed(NAME, narrow.watched)


def test_what_a_workers_pod_holds_opens_nothing_at_the_api_server(narrow: Narrow) -> None:
    kubectl, namespace = narrow.release.kubectl, narrow.release.namespace
    (pod, *_) = kubectl.get("pods", "-n", namespace, "-l", WORKER)["items"]
    name = pod["metadata"]["name"]
    python = ("-n", namespace, "--", "python3", "-c")

    told = kubectl("exec", name, "-c", "supervisor", *python, ASK_WITH_THE_WORKERS_TOKEN)
    secrets = "import os; print(os.path.exists('/var/run/secrets'))"
    held = kubectl("exec", name, "-c", "runner", *python, secrets)

    assert pod["spec"]["serviceAccountName"] == f"{NAME}-worker"
    assert told.strip() == "401"
    assert held.strip() == "False"
