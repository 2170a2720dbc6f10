"""Each kind of harm does what it says, and its end restores the cluster."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from tests.cluster import native
from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.cluster.problem import Problem
from tests.cluster.waiting import until
from tests.support.pods import pod

pytestmark = pytest.mark.timeout(180)
SERVE = ["python3", "-m", "http.server", "8080", "--directory", "/etc"]
BASE = "localhost/nice-cluster/base:test"


@pytest.fixture(autouse=True)
def healthy_afterwards(harm: Harm, kubectl: Kubectl) -> Iterator[None]:
    """No test of this module leaves harm to the next one."""
    yield
    kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=90s", seconds=120)


def test_pods_on_two_nodes_talk_until_the_cable_is_cut_and_again_when_it_is_mended(
    harm: Harm, kubectl: Kubectl, namespace: str
) -> None:
    for number in (1, 2):
        kubectl.apply(pod(namespace, f"p{number}", BASE, SERVE, node=f"node-{number}", user=65532))
    kubectl("wait", "--for=condition=Ready", "pods", "--all", "-n", namespace, "--timeout=60s", seconds=90)
    address = kubectl.get("pod", "p2", "-n", namespace)["status"]["podIP"]

    def reaches() -> bool:
        ask = f"import urllib.request as u; u.urlopen('http://{address}:8080/hostname', timeout=1)"
        return kubectl.attempt("exec", "p1", "-n", namespace, "--", "python3", "-c", ask).code == 0

    until("the pods talk", reaches, 20)
    harm.cut(2)
    assert not reaches()
    until("node-2 counts as gone", lambda: not _ready(kubectl, "node-2"), 40)
    harm.mend(2)
    until("the pods talk again", reaches, 40)


def test_a_frozen_api_server_answers_nobody_until_it_is_thawed(harm: Harm, kubectl: Kubectl) -> None:
    harm.freeze("kube-apiserver")
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            kubectl("get", "namespaces", seconds=3)
    finally:
        harm.thaw("kube-apiserver")

    assert "default" in kubectl("get", "namespaces")


def test_etcd_comes_back_with_what_it_knew(harm: Harm, kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "configmap", "kept", "-n", namespace)

    harm.restart("etcd")

    until(
        "it is read again", lambda: kubectl.attempt("get", "configmap", "kept", "-n", namespace).code == 0, 30
    )


def test_a_slow_api_server_is_slow_and_hurries_again(harm: Harm, kubectl: Kubectl) -> None:
    harm.slow("kube-apiserver", 90)
    try:
        assert "default" in kubectl("get", "namespaces")
    finally:
        harm.hurry("kube-apiserver")

    assert "default" in kubectl("get", "namespaces")
    with pytest.raises(Problem, match="from 1 to 99"):
        harm.slow("kube-apiserver", 100)


def test_a_killed_node_is_gone_with_everything_on_it_and_comes_back(harm: Harm, kubectl: Kubectl) -> None:
    machine = native.node_machine(harm.places, 2)
    first = machine.pid

    harm.kill_node(2)

    until("node-2 counts as gone", lambda: not _ready(kubectl, "node-2"), 40)
    assert not machine.alive()
    harm.revive_node(2)
    until("node-2 is back", lambda: _ready(kubectl, "node-2"), 60)
    assert machine.pid != first


def test_watches_can_be_delayed_while_reads_are_not(harm: Harm, kubectl: Kubectl, namespace: str) -> None:
    kubectl(
        "create", "role", "reader", "--verb=list,watch,get,create", "--resource=configmaps", "-n", namespace
    )
    account = f"{namespace}:default"
    kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={account}", "-n", namespace
    )
    harm.delay_watches(3)
    try:
        kubectl.apply(pod(namespace, "watcher", BASE, ["python3", "-c", WATCHER], user=65532))
        done = "--for=jsonpath={.status.phase}=Succeeded"
        kubectl("wait", done, "pod/watcher", "-n", namespace, "--timeout=60s", seconds=90)
    finally:
        harm.end_delay()

    measured = json.loads(kubectl("logs", "watcher", "-n", namespace))
    assert measured["watch"] >= 3
    assert measured["read"] < 2


WATCHER = """
import json, os, ssl, time, urllib.request
here = "/var/run/secrets/kubernetes.io/serviceaccount/"
token, namespace = open(here + "token").read(), open(here + "namespace").read()
trust = ssl.create_default_context(cafile=here + "ca.crt")
base = f"https://kubernetes.default.svc/api/v1/namespaces/{namespace}/configmaps"

def call(query="", data=None):
    headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
    request = urllib.request.Request(base + query, data, headers)
    return urllib.request.urlopen(request, context=trust, timeout=30)

began = time.monotonic()
version = json.load(call())["metadata"]["resourceVersion"]
read = time.monotonic() - began
call(data=json.dumps({"metadata": {"name": "new"}}).encode()).read()
made = time.monotonic()
call(f"?watch=1&resourceVersion={version}").readline()
print(json.dumps({"read": read, "watch": time.monotonic() - made}))
"""


def _ready(kubectl: Kubectl, node: str) -> bool:
    conditions = kubectl.get("node", node)["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
