"""What the chart's Roles give in each namespace, of a release that watches all of them and of others."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.cluster import binaries
from tests.support.release import CHART, NAME
from tests.support.rights import EVERYWHERE, Right, granted

HOME = "home"


def _rights(values: dict[str, Any]) -> set[Right]:
    command = [str(binaries.program("helm")), "template", NAME, str(CHART), "--namespace", HOME]
    version = binaries.KUBERNETES.version()
    told = subprocess.run(
        [*command, "--values", "-", "--kube-version", version],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stderr
    return granted([each for each in yaml.safe_load_all(told.stdout) if each], NAME, HOME)


def _in(namespace: str, rights: set[Right]) -> set[tuple[str, str]]:
    """Verb and resource, without those on objects of one name."""
    return {
        (right.verb, right.resource) for right in rights if right.namespace == namespace and not right.name
    }


TASKS = {("get", "nicetasks"), ("list", "nicetasks"), ("watch", "nicetasks"), ("patch", "nicetasks/status")}
EVENTS = {("create", "events"), ("patch", "events")}
POOLS = {("get", "niceworkerpools"), ("list", "niceworkerpools"), ("patch", "niceworkerpools/status")}
HEARD = {("watch", "niceworkerpools")}
PODS = {
    ("get", "deployments"), ("create", "deployments"), ("patch", "deployments"),
    ("get", "pods"), ("list", "pods"),
}  # fmt: skip
REVIEWS = {("create", "tokenreviews")}


def test_a_release_for_all_namespaces_makes_pods_in_those_that_are_named_alone() -> None:
    rights = _rights({"poolNamespaces": ["heavy"]})

    assert _in(EVERYWHERE, rights) == TASKS | EVENTS | POOLS | HEARD | REVIEWS
    assert _in("heavy", rights) == PODS
    assert _in(HOME, rights) == PODS | {("create", "niceworkerpools")}


def test_a_release_for_some_namespaces_has_nothing_everywhere_but_to_ask_whose_a_token_is() -> None:
    rights = _rights({"watchNamespaces": ["team", "both"], "poolNamespaces": ["both", "heavy"]})

    assert _in(EVERYWHERE, rights) == REVIEWS
    assert _in("team", rights) == TASKS | EVENTS | POOLS | HEARD
    assert _in("both", rights) == TASKS | EVENTS | POOLS | HEARD | PODS
    assert _in("heavy", rights) == POOLS | PODS
    assert _in(HOME, rights) == POOLS | PODS | {("create", "niceworkerpools")}


def test_a_home_that_is_watched_has_its_tasks_too() -> None:
    rights = _rights({"watchNamespaces": [HOME]})

    assert _in(HOME, rights) == TASKS | EVENTS | POOLS | HEARD | PODS | {("create", "niceworkerpools")}


OWN = {
    ("get", "secrets", f"{NAME}-token"), ("patch", "secrets", f"{NAME}-token"),
    ("get", "secrets", f"{NAME}-database"), ("patch", "secrets", f"{NAME}-database"),
    ("get", "secrets", f"{NAME}-redis"), ("patch", "secrets", f"{NAME}-redis"),
    ("get", "configmaps", f"{NAME}-default-pool"),
    ("patch", "niceworkerpools", "default"),
}  # fmt: skip

GIVEN = {each: {"existingSecret": "mine"} for each in ("database", "redis", "auth")}


@pytest.mark.parametrize(
    ("values", "own"),
    [
        ({}, OWN),
        (GIVEN, {each for each in OWN if each[1] != "secrets"}),
        ({"defaultPool": {"enabled": False}}, {each for each in OWN if each[1] == "secrets"}),
    ],
    ids=["trial", "secrets of the user's", "no default pool"],
)
def test_what_has_a_name_is_given_by_its_name(values: dict[str, Any], own: set[tuple[str, str, str]]) -> None:
    rights = _rights(values)

    assert {(right.verb, right.resource, right.name) for right in rights if right.name} == own
    assert all("secrets" not in right.resource or right.name for right in rights)
    assert not any("*" in right.verb + right.group + right.resource for right in rights)
