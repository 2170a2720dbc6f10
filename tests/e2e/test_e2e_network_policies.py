"""Who may call whom, judged on the chart as Helm renders it and on the labels of the pods that it and the
operator make: the tests' own network enforces no policy."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from nice_operator.cluster.pool_deployment import Installation, deployment
from nice_operator.domain.pool import Pool
from tests.cluster import binaries
from tests.cluster.places import ROOT
from tests.support.network_policies import End, Network, Outside, Pod, of, pod_of

CHART = ROOT / "charts" / "nice-commander"
OUTSIDER = Pod("shop", {"app": "web"}, {"http": 8080}, "10.0.9.9")
DNS = Pod("kube-system", {"k8s-app": "kube-dns"}, {"dns": 53}, "10.0.0.10")
METADATA, METADATA_6, INTERNET = Outside("169.254.169.254"), Outside("fd00:ec2::254"), Outside("192.0.2.80")


@dataclass(frozen=True)
class Installed:
    """The pods of a release and the policies about them."""

    objects: list[dict[str, Any]]

    def pod(self, component: str) -> Pod:
        """One of the chart's own."""
        return next(
            pod_of(each)
            for each in self.objects
            if each["kind"] in ("Deployment", "StatefulSet", "Pod")
            and _labels(each).get("app.kubernetes.io/component") == component
        )

    def worker(self, namespace: str = "nice", pool: str = "default") -> Pod:
        """One that the operator makes."""
        installation = Installation("nice", "ws://nice-commander.nice.svc:9999", "runner:1")
        return pod_of(deployment(Pool(namespace, pool, "uid", 1), installation, 1))

    def may(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """Whatever the network thinks of blocks."""
        return Network(of(self.objects), blocks_match_pods=False).allows(source, target, port, protocol)

    def can(self, source: End, target: End, port: int) -> bool:
        """On any network at all."""
        return any(Network(of(self.objects), each).allows(source, target, port) for each in (False, True))


def _labels(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    template = workload if workload["kind"] == "Pod" else workload["spec"]["template"]
    return template["metadata"].get("labels") or {}


def release(**values: Any) -> Installed:
    command = [str(binaries.program("helm")), "template", "nice-commander", str(CHART), "--values", "-"]
    command += ["--namespace", "nice", "--kube-version", binaries.KUBERNETES.version()]
    done = subprocess.run(
        command, input=json.dumps(values), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return Installed([each for each in yaml.safe_load_all(done.stdout) if each])


@pytest.fixture(scope="module")
def trial() -> Installed:
    """As it is without a value, with pools in a second namespace."""
    return release(poolNamespaces=["team-a"])


def test_the_operator_reaches_its_servers_and_nobody_else_does(trial: Installed) -> None:
    operator = trial.pod("operator")
    for server, port in ((trial.pod("database"), 3306), (trial.pod("redis"), 6379)):
        assert trial.may(operator, server, port)
        for stranger in (OUTSIDER, trial.worker(), trial.worker("team-a"), trial.pod("test"), INTERNET):
            assert not trial.can(stranger, server, port), (stranger, port)
        assert not trial.can(operator, server, 22)
        assert not trial.can(server, INTERNET, 443), "a trial server calls nobody"
        assert not trial.can(server, operator, 9999)
    assert trial.may(operator, INTERNET, 443), "AWS, a database elsewhere, the API server"


def test_the_page_is_for_whoever_comes_and_nothing_else_of_the_operator(trial: Installed) -> None:
    operator = trial.pod("operator")
    for caller in (OUTSIDER, INTERNET, trial.worker(), trial.worker("team-a", "heavy"), trial.pod("test")):
        assert trial.may(caller, operator, 9999), caller
        assert not trial.can(caller, operator, 9998), caller


def test_workers_are_called_by_nobody(trial: Installed) -> None:
    for worker in (trial.worker(), trial.worker("team-a")):
        for caller in (OUTSIDER, trial.pod("operator"), trial.worker(pool="other"), trial.worker("team-a")):
            assert not trial.can(caller, worker, 8080), caller


def test_workers_find_names_and_the_world_and_no_metadata_of_the_machine(trial: Installed) -> None:
    for worker in (trial.worker(), trial.worker("team-a")):
        assert trial.may(worker, DNS, 53, "UDP")
        assert trial.may(worker, DNS, 53)
        assert trial.may(worker, INTERNET, 443)
        assert not trial.can(worker, METADATA, 80)
        assert not trial.can(worker, METADATA_6, 80)


def test_workers_reach_what_is_listed_and_nothing_more_once_there_is_a_list() -> None:
    shop = {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]}
    narrow = release(networkPolicy={"workerEgress": [shop]})
    worker = narrow.worker()

    assert narrow.may(worker, OUTSIDER, 8080)
    assert narrow.may(worker, narrow.pod("operator"), 9999)
    assert narrow.may(worker, DNS, 53, "UDP")
    assert not narrow.can(worker, INTERNET, 443)
    assert not narrow.can(worker, narrow.pod("database"), 3306)


def test_another_release_in_the_same_namespace_is_a_stranger(trial: Installed) -> None:
    other = Pod("nice", {**trial.pod("operator").labels, "app.kubernetes.io/instance": "other"})

    assert not trial.can(other, trial.pod("database"), 3306)


def test_without_policies_all_of_this_would_be_open() -> None:
    """The control: it is the policies that close."""
    bare = release(networkPolicy={"enabled": False})

    assert bare.may(bare.worker(), bare.pod("database"), 3306)
    assert bare.may(OUTSIDER, bare.worker(), 8080)
    assert bare.may(bare.worker(), METADATA, 80)
