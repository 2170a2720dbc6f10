"""A release whose Service speaks HTTPS: workers, nicectl and helm test believe its certificate, strangers do
not, and a renewed one is used without a restart."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.certificates import Authority, Pair
from tests.cluster.kubectl import Kubectl
from tests.support.release import NAME, Release, installed, python_task, test_values, until
from tests.support.server_process import free_port

pytestmark = pytest.mark.timeout(600)

PROGRAMS = Path(sys.executable).parent
SECRET = "nice-tls"
RENEWED_WITHIN = 240
"""Seconds: a kubelet looks at a pod's Secrets about once a minute, and knows them for as long again."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "authority")


@pytest.fixture(scope="module")
def release(
    kubectl: Kubectl, crds: list[dict[str, Any]], shared_namespace: str, images: str, authority: Authority
) -> Iterator[Release]:
    """Installed with a certificate of the test's own authority."""
    values = {**test_values(images), "tls": {"existingSecret": SECRET}, "watchNamespaces": [shared_namespace]}
    kubectl.apply(secret_of(authority, issue(authority, "first", shared_namespace), shared_namespace))
    with installed(kubectl, shared_namespace, values) as release:
        task = python_task("hello", "def run(payload):\n    return {'seen': payload}\n")
        task["metadata"]["namespace"] = release.namespace
        kubectl.apply(task)
        kubectl("wait", "--for=condition=Ready", "nicetask/hello", "-n", release.namespace, "--timeout=60s")
        yield release


def issue(authority: Authority, name: str, namespace: str) -> Pair:
    return authority.issue(name, "nice", hosts=[f"{NAME}.{namespace}.svc"])


def secret_of(authority: Authority, pair: Pair, namespace: str) -> dict[str, Any]:
    """As cert-manager writes it."""
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.root}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": SECRET, "namespace": namespace},
        "data": {name: base64.b64encode(file.read_bytes()).decode() for name, file in files.items()},
    }


@contextmanager
def forwarded(release: Release) -> Iterator[int]:
    """A port of this machine that leads to one operator."""
    port = free_port()
    words = (
        str(release.kubectl.program),
        "-n",
        release.namespace,
        "port-forward",
        f"svc/{NAME}",
        f"{port}:80",
    )
    with subprocess.Popen(
        words, env=release.kubectl.environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "Forwarding" in process.stdout.readline()
            yield port
        finally:
            process.terminate()


def nicectl(release: Release, *words: str) -> subprocess.CompletedProcess[str]:
    ours = {k: v for k, v in release.kubectl.environment().items() if not k.startswith("NICE_")}
    path = f"{PROGRAMS}:{release.kubectl.program.parent}:{os.environ['PATH']}"
    context = release.kubectl.context or release.kubectl("config", "current-context").strip()
    place = ("--context", context, "--release", f"{release.namespace}/{NAME}")
    return subprocess.run(
        [PROGRAMS / "nicectl", *words, *place],
        env={**ours, "PATH": path}, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def shown(port: int) -> str:
    """The certificate that whoever connects now is shown."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_a_task_runs_through_workers_and_nicectl_that_believe_the_certificate(release: Release) -> None:
    ran = nicectl(release, "run", f"{release.namespace}/hello", "--payload", '{"n": 1}', "--wait")
    assert (ran.returncode, json.loads(ran.stdout or "null")) == (0, {"seen": {"n": 1}}), ran.stderr

    pools = nicectl(release, "pools")
    assert f"{release.namespace}/default" in pools.stdout, pools.stderr
    (pod, *_) = release.kubectl.get("pods", "-n", release.namespace, "-l", "nicecommander.dev/pool=default")[
        "items"
    ]
    by_name = {each["name"]: each for each in pod["spec"]["containers"]}
    (url,) = [e["value"] for e in by_name["supervisor"]["env"] if e["name"] == "NICE_OPERATOR_URL"]
    assert url == f"wss://{NAME}.{release.namespace}.svc:9999"


def test_helms_own_test_goes_the_same_way(release: Release) -> None:
    assert "Succeeded" in release.helm("test", NAME)


def test_strangers_do_not_believe_it_and_nothing_is_served_without_it(release: Release) -> None:
    with forwarded(release) as port, pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://localhost:{port}/healthz", timeout=30)
    with forwarded(release) as port, pytest.raises((OSError, urllib.error.URLError)):
        urllib.request.urlopen(f"http://localhost:{port}/healthz", timeout=30)


def test_a_renewed_certificate_is_used_without_a_restart(release: Release, authority: Authority) -> None:
    before = operators(release)
    renewed = issue(authority, "second", release.namespace)

    release.kubectl.apply(secret_of(authority, renewed, release.namespace))

    def look() -> bool | None:
        with suppress(AssertionError, OSError), forwarded(release) as port:
            return shown(port).strip() == pem(renewed) or None
        return None

    until(look, "the renewed certificate is shown", RENEWED_WITHIN)
    ran = nicectl(release, "run", f"{release.namespace}/hello", "--payload", "2", "--wait")
    assert json.loads(ran.stdout or "null") == {"seen": 2}, ran.stderr
    assert operators(release) == before


def pem(pair: Pair) -> str:
    """In the form in which the standard library writes it."""
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())).strip()


def operators(release: Release) -> Sequence[tuple[str, int]]:
    """The operators' pods and how often each was started again."""
    label = "app.kubernetes.io/component=operator"
    pods = release.kubectl.get("pods", "-n", release.namespace, "-l", label)["items"]
    return sorted(
        (pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]) for pod in pods
    )
