"""The cluster is as strict as a good one: rights decide, a node touches only its own, every call is on
record."""

from __future__ import annotations

import json
import secrets

import pytest

from tests.cluster import audit, kubeconfig
from tests.cluster.certificates import Authority
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import Places
from tests.cluster.target import Provider, Target
from tests.cluster.waiting import until


@pytest.fixture
def places(target: Target) -> Places:
    if target.provider is not Provider.NATIVE:
        pytest.skip("the audit log and the nodes' identities are within reach on the native cluster only")
    return target.places


def test_a_service_account_may_do_nothing_unless_it_is_given_the_right(
    kubectl: Kubectl, namespace: str
) -> None:
    user = f"system:serviceaccount:{namespace}:default"

    answer = kubectl.attempt("get", "secrets", "-n", namespace, f"--as={user}")

    assert answer.code != 0
    assert "Forbidden" in answer.errors


def test_the_audit_log_tells_which_verbs_were_used_and_which_were_refused(
    kubectl: Kubectl, namespace: str, places: Places
) -> None:
    user = f"robot-{secrets.token_hex(4)}"
    kubectl("create", "role", "reader", "--verb=list", "--resource=pods", "-n", namespace)
    kubectl("create", "rolebinding", "reader", "--role=reader", f"--user={user}", "-n", namespace)
    robot = _known_as(user, kubectl, places)

    robot("get", "pods", "-n", namespace)
    robot.attempt("delete", "pods", "--all", "-n", namespace)
    robot.attempt("get", "configmaps", "-n", namespace)

    until("the calls are on record", lambda: len(audit.calls(places, user)) >= 3, 5)
    assert ("list", "pods") in audit.verbs(places, user)
    assert ("list", "configmaps") in {(c.verb, c.resource) for c in audit.calls(places, user) if c.refused}
    assert ("list", "pods") not in {(c.verb, c.resource) for c in audit.calls(places, user) if c.refused}


def test_a_node_cannot_change_another_node(kubectl: Kubectl, places: Places) -> None:
    node = _known_as("system:node:node-1", kubectl, places, "system:nodes")

    own = node.attempt("label", "node", "node-1", "note=mine", "--overwrite")
    other = node.attempt("label", "node", "node-2", "note=mine", "--overwrite")

    assert own.code == 0, own.errors
    assert other.code != 0
    assert "node-2" in other.errors
    assert "orbidden" in other.errors


def test_a_node_reads_no_secret_that_none_of_its_pods_uses(
    kubectl: Kubectl, places: Places, namespace: str
) -> None:
    kubectl("create", "secret", "generic", "unused", "--from-literal=a=b", "-n", namespace)
    node = _known_as("system:node:node-1", kubectl, places, "system:nodes")

    answer = node.attempt("get", "secret", "unused", "-n", namespace)

    assert "no relationship found between node" in answer.errors


def _known_as(user: str, kubectl: Kubectl, places: Places, group: str = "") -> Kubectl:
    """kubectl with a certificate of the cluster's own authority for this user."""
    authority = Authority(places.certificates)
    pair = authority.issue(f"test-{secrets.token_hex(4)}", user, group)
    admin = json.loads(places.kubeconfig.read_text())
    server = admin["clusters"][0]["cluster"]["server"]
    path = kubeconfig.write(pair.key.with_suffix(".kubeconfig"), server, authority.root, pair, user)
    return Kubectl(kubectl.program, path)
