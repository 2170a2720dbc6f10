"""nicectl and a release that speaks HTTPS: believed by its own authority, for its own name, or not at all."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.certificates import Authority
from tests.unit.cli.conftest import RUN, Nicectl, log_event, run_document, task_document
from tests.unit.cli.scripted_kubectl import FORBIDDEN, ScriptedKubectl, service
from tests.unit.cli.scripted_server import Script, serve

NAME = "nice-commander.nice.svc"
CA = "nicecommander.dev/ca"
ASKED = {
    "secret": r"get secret nice-tls -n nice -o jsonpath={.data.ca\.crt}",
    "configmap": r"get configmap nice-ca -n nice -o jsonpath={.data.ca\.crt}",
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.create(tmp_path_factory.mktemp("tls") / "authority")


def served(authority: Authority, *hosts: str) -> Iterator[Script]:
    pair = authority.issue(f"server-{hosts[0]}", "nice", hosts=hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with serve(Script(), context) as script:
        script.json("GET", "/api/v1/tasks", {"tasks": [task_document(namespace="nice")]})
        yield script


@pytest.fixture
def https(authority: Authority) -> Iterator[Script]:
    yield from served(authority, NAME)


@pytest.fixture
def impostor(authority: Authority) -> Iterator[Script]:
    yield from served(authority, "other.nice.svc", "localhost", "127.0.0.1")


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, https: Script) -> ScriptedKubectl:
    program = ScriptedKubectl(tmp_path)
    monkeypatch.setenv("PATH", f"{program.install()}:{os.environ['PATH']}")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    program.says("config view", {"contexts": [{"name": "kind", "context": {}}]})
    program.says("get secret nice-commander-token", {"data": {"admin": base64.b64encode(b"t" * 32).decode()}})
    leads_to(program, https, "secret/nice-tls")
    return program


@pytest.fixture
def cluster(nicectl: Nicectl, monkeypatch: pytest.MonkeyPatch) -> Nicectl:
    monkeypatch.delenv("NICE_SERVER", raising=False)

    def call(*arguments: str) -> Any:
        return nicectl(*arguments, program="kubectl-nice")

    return call


def leads_to(kubectl: ScriptedKubectl, server: Script, authority: str) -> None:
    kubectl.says("get services --all-namespaces", {"items": [service("nice", annotations={CA: authority})]})
    kubectl.leads_to(int(server.base.rpartition(":")[2]))


def test_the_authority_of_a_secret_is_asked_for_alone_and_outweighs_those_of_the_machine(
    cluster: Nicectl,
    kubectl: ScriptedKubectl,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    other = Authority.create(tmp_path / "other")
    kubectl.prints(ASKED["secret"], base64.b64encode(authority.root.read_bytes()).decode())
    monkeypatch.setenv("SSL_CERT_FILE", str(other.root))  # for other servers, as many have it

    answer = cluster("list", "-o", "name")

    assert (answer.code, answer.out, answer.err) == (0, "nice/hello\n", "")
    assert ASKED["secret"] in kubectl.calls()
    assert not [call for call in kubectl.calls() if "nice-tls" in call and "-o json " in f"{call} "]


def test_the_authority_of_a_config_map_is_text_and_streams_are_believed_by_it_too(
    cluster: Nicectl, kubectl: ScriptedKubectl, https: Script, authority: Authority
) -> None:
    leads_to(kubectl, https, "configmap/nice-ca")
    kubectl.prints(ASKED["configmap"], authority.root.read_text())
    https.json("GET", f"/api/v1/runs/{RUN}", run_document(final=False))
    https.events(f"/api/v1/runs/{RUN}/logs/events", log_event(1, "over TLS\n"), ("end", run_document(), None))

    assert cluster("logs", "-f", RUN).out == "over TLS\n"


def test_somebody_elses_certificate_of_the_same_authority_is_refused(
    cluster: Nicectl, kubectl: ScriptedKubectl, impostor: Script, authority: Authority
) -> None:
    leads_to(kubectl, impostor, "secret/nice-tls")
    kubectl.prints(ASKED["secret"], base64.b64encode(authority.root.read_bytes()).decode())

    answer = cluster("list")

    assert answer.code != 0
    assert "certificate" in answer.err
    assert f"Expected: one for {NAME}" in answer.err
    assert "ca.crt of secret/nice-tls, which its Service names" in answer.err
    assert "get pods" not in answer.err
    assert impostor.requests == [], "no token is shown to somebody else"


def test_an_authority_that_may_not_be_read_can_be_given_as_a_file(
    cluster: Nicectl, kubectl: ScriptedKubectl, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl.refuses(ASKED["secret"], FORBIDDEN.format(what='secrets "nice-tls"'))

    refused = cluster("list")
    assert refused.code != 0
    assert "you may not read it" in refused.err
    assert "SSL_CERT_FILE" in refused.err

    monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    assert cluster("list", "-o", "name").out == "nice/hello\n"


def test_a_certificate_of_another_authority_is_told_as_that(
    cluster: Nicectl, kubectl: ScriptedKubectl, https: Script, tmp_path: Path
) -> None:
    other = Authority.create(tmp_path / "other")
    kubectl.prints(ASKED["secret"], base64.b64encode(other.root.read_bytes()).decode())

    answer = cluster("list")

    assert answer.code != 0
    assert "is not believed" in answer.err
    assert "secret/nice-tls" in answer.err
    assert "get pods" not in answer.err
    assert https.requests == []


def test_a_bundle_may_have_comments_in_any_language(
    cluster: Nicectl, kubectl: ScriptedKubectl, authority: Authority
) -> None:
    bundle = f"# Autorité générale\n{authority.root.read_text()}# fin été\n"
    kubectl.prints(ASKED["secret"], base64.b64encode(bundle.encode()).decode())

    assert cluster("list", "-o", "name").out == "nice/hello\n"


def test_a_bundle_without_a_certificate_is_told(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    kubectl.prints(ASKED["secret"], base64.b64encode("é rubbish".encode()).decode())

    answer = cluster("list")

    assert answer.code != 0
    assert "holds no certificate" in answer.err
