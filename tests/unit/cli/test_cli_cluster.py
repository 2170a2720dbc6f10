"""nicectl finds the release in a cluster, and says clearly why it does not."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from nice_cli.errors import Failure
from nice_cli.place import Wanted, decide
from tests.unit.cli.conftest import RUN, Nicectl, log_event, run_document, task_document
from tests.unit.cli.scripted_kubectl import FORBIDDEN, NOT_FOUND, ScriptedKubectl, ended, service
from tests.unit.cli.scripted_server import Script

TOKEN = "t" * 32
EVERYWHERE = "get services --all-namespaces"
NOBODY = "http://127.0.0.1:1"
SECRET = "get secret nice-commander-token -n nice"


@pytest.fixture
def kubectl(tmp_path: Path, server: Script, monkeypatch: pytest.MonkeyPatch) -> ScriptedKubectl:
    """A cluster with one release in namespace ``nice``, whose Service leads to ``server``."""
    program = ScriptedKubectl(tmp_path)
    monkeypatch.setenv("PATH", f"{program.install()}:{os.environ['PATH']}")
    program.leads_to(int(server.base.rpartition(":")[2]))
    program.says("config view", current())
    program.says(EVERYWHERE, {"items": [service("nice")]})
    program.says(SECRET, secret(admin=TOKEN))
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(namespace="nice")]})
    return program


@pytest.fixture
def cluster(nicectl: Nicectl, kubectl: ScriptedKubectl, monkeypatch: pytest.MonkeyPatch) -> Nicectl:
    """``kubectl nice …``: a cluster is meant, whatever listens on this machine."""
    monkeypatch.delenv("NICE_SERVER", raising=False)

    def call(*arguments: str) -> Any:
        return nicectl(*arguments, program="kubectl-nice")

    return call


def current(**context: str) -> dict[str, Any]:
    return {"contexts": [{"name": "kind", "context": context}]}


def secret(**tokens: str) -> dict[str, Any]:
    return {"data": {name: base64.b64encode(token.encode()).decode() for name, token in tokens.items()}}


# ---------------------------------------------------------------- the way


def test_the_release_is_found_and_asked_with_the_token_of_its_secret(
    cluster: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    answer = cluster("list", "-o", "name")

    assert (answer.code, answer.out, answer.err) == (0, "nice/hello\n", "")
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    (forward,) = [call for call in kubectl.calls() if call.startswith("port-forward")]
    assert forward == "port-forward -n nice --address=127.0.0.1 service/nice-commander :80"


def test_the_port_forward_ends_with_the_command(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    cluster("list")
    (forward,) = kubectl.forwards()
    assert ended(forward)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_port_forward_ends_however_nicectl_ends(
    kubectl: ScriptedKubectl, server: Script, monkeypatch: pytest.MonkeyPatch, end: signal.Signals
) -> None:
    monkeypatch.delenv("NICE_SERVER", raising=False)
    server.json("GET", f"/api/v1/runs/{RUN}", run_document(final=False))
    server.events(f"/api/v1/runs/{RUN}/logs/events", log_event(1, "begun\n"), hold=True)
    command = [sys.executable, "-m", "nice_cli", "logs", "-f", RUN, "--context", "kind"]
    kubectl.says("--context kind config view", current())
    kubectl.says(f"--context kind {EVERYWHERE}", {"items": [service("nice")]})
    kubectl.says(f"--context kind {SECRET}", secret(admin=TOKEN))

    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(end)
        process.wait(20)

    (forward,) = kubectl.forwards()
    assert ended(forward)


def test_a_log_that_is_followed_goes_on_over_a_new_way_when_the_old_one_breaks(
    cluster: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    server.json("GET", f"/api/v1/runs/{RUN}", run_document(final=False))
    events = f"/api/v1/runs/{RUN}/logs/events"
    server.events(events, log_event(1, "first\n"))
    server.events(events, log_event(2, "second\n"), ("end", run_document(), None))

    answer = cluster("logs", "-f", RUN)

    assert (answer.code, answer.out) == (0, "first\nsecond\n")
    assert "The connection to the server is lost" in answer.err
    assert server.requests[-1].headers["Last-Event-ID"] == "1:1"


def test_a_way_that_died_is_opened_again_at_the_same_port(
    cluster: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    """What was killed is what a pod that goes takes with it."""
    server.json("GET", f"/api/v1/runs/{RUN}", run_document(final=False))
    events = f"/api/v1/runs/{RUN}/logs/events"
    server.events(events, log_event(1, "first\n"), hold=True)
    server.events(events, ("end", run_document(), None))

    def kill() -> None:
        server.held.wait(20)
        os.kill(kubectl.forwards()[0], signal.SIGKILL)
        server.let_go.set()

    killer = threading.Thread(target=kill)
    killer.start()
    answer = cluster("logs", "-f", RUN)
    killer.join()

    first, second = (call for call in kubectl.calls() if call.startswith("port-forward"))
    assert answer.code == 0
    assert first.endswith(" :80")
    assert not second.endswith(" :80")
    assert len(kubectl.forwards()) == 2


# ---------------------------------------------------------------- which release


def test_the_release_of_the_namespace_that_was_named_is_taken(
    cluster: Nicectl, kubectl: ScriptedKubectl
) -> None:
    kubectl.says(EVERYWHERE, {"items": [service("nice"), service("other")]})
    assert cluster("list", "-n", "nice").code == 0


def test_a_namespace_without_a_release_is_served_by_the_only_one(
    cluster: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    server.json("POST", "/api/v1/tasks/team-a/hello/runs", run_document(namespace="team-a", state="queued"))
    assert cluster("run", "hello", "-n", "team-a").code == 0


def test_a_task_without_a_namespace_is_of_the_contexts_own_or_of_the_releases(
    cluster: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    for namespace in ("nice", "team-a"):
        server.json("POST", f"/api/v1/tasks/{namespace}/hello/runs", run_document(namespace=namespace))
    cluster("run", "hello")
    kubectl.says("config view", current(namespace="team-a"))
    cluster("run", "hello")
    assert [request.path.split("/")[4] for request in server.requests] == ["nice", "team-a"]


def test_of_two_releases_one_must_be_named(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    kubectl.says(EVERYWHERE, {"items": [service("nice"), service("other", "second")]})
    refused = cluster("list")
    assert refused.code == 3
    assert "has 2 releases of Nice Commander: nice/nice-commander, other/second" in refused.err
    assert "--release" in refused.err
    assert cluster("list", "--release", "nice/nice-commander").code == 0


def test_services_beside_the_operators_are_no_releases(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    database = service("nice", "db", labels={"app.kubernetes.io/component": "database"})
    bare = service("nice", "bare") | {"spec": {"ports": [{"port": 3306}]}}
    kubectl.says(EVERYWHERE, {"items": [database, bare, service("nice")]})
    assert cluster("list").code == 0


def test_without_the_right_to_look_everywhere_the_named_namespace_is_looked_at(
    cluster: Nicectl, kubectl: ScriptedKubectl
) -> None:
    kubectl.refuses(EVERYWHERE, FORBIDDEN.format(what="services"))
    kubectl.refuses("get services -n default", FORBIDDEN.format(what="services"))
    kubectl.says("get services -n nice", {"items": [service("nice")]})

    nowhere = cluster("list")

    assert cluster("list", "-n", "nice").code == 0
    assert nowhere.code == 3
    assert "-n NAMESPACE" in nowhere.err


# ---------------------------------------------------------------- what may be wrong


def test_a_cluster_without_a_release_says_how_to_get_one(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    kubectl.says(EVERYWHERE, {"items": []})
    refused = cluster("list")
    assert refused.code == 3
    assert refused.err.startswith(
        "kubectl nice: no release of Nice Commander in any namespace of context kind"
    )
    assert "helm install" in refused.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (FORBIDDEN.format(what="secrets"), "you may not read it"),
        (NOT_FOUND.format(what="secrets"), "there is none"),
    ],
)
def test_a_secret_that_cannot_be_read_names_the_ways_to_give_a_token(
    cluster: Nicectl, kubectl: ScriptedKubectl, monkeypatch: pytest.MonkeyPatch, words: str, said: str
) -> None:
    kubectl.refuses(SECRET, words)
    refused = cluster("list")
    monkeypatch.setenv("NICE_TOKEN", "u" * 32)
    with_token = cluster("list")

    assert refused.code == 3
    assert said in refused.err
    assert "--token-file FILE, NICE_TOKEN_FILE or NICE_TOKEN" in refused.err
    assert with_token.code == 0


def test_a_secret_of_the_users_own_is_the_one_that_the_service_names(
    cluster: Nicectl, kubectl: ScriptedKubectl
) -> None:
    named = service("nice", annotations={"nicecommander.dev/token-secret": "clients"})
    kubectl.says(EVERYWHERE, {"items": [named]})
    kubectl.says("get secret clients -n nice", secret(grace=TOKEN, linus=TOKEN))
    refused = cluster("list")
    assert refused.code == 3
    assert "Secret clients in namespace nice: it has no key admin, only grace, linus" in refused.err


def test_no_kubectl_is_said_with_where_to_get_it(
    cluster: Nicectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    refused = cluster("list")
    assert refused.code == 3
    assert "kubectl is not on PATH" in refused.err


def test_no_context_is_said(cluster: Nicectl, kubectl: ScriptedKubectl) -> None:
    kubectl.refuses("config view", "error: current-context must exist in order to minify\n")
    refused = cluster("list")
    assert refused.code == 3
    assert "current-context must exist" in refused.err
    assert "--context" in refused.err


def test_a_cluster_that_does_not_answer_is_told_in_one_line(
    cluster: Nicectl, kubectl: ScriptedKubectl
) -> None:
    noise = 'E1125 10:56:11.948644   21456 memcache.go:265] "Unhandled Error" err="…"\n'
    kubectl.refuses(EVERYWHERE, noise * 3 + "The connection to the server 127.0.0.1:1 was refused\n")
    refused = cluster("list")
    assert refused.code == 3
    assert refused.err == (
        "kubectl nice: kubectl get services failed: The connection to the server 127.0.0.1:1 was refused\n"
    )


def test_a_port_forward_that_fails_is_told_with_kubectls_words(
    cluster: Nicectl, kubectl: ScriptedKubectl
) -> None:
    kubectl.leads_to(0)
    kubectl.refuses("port-forward", "error: unable to forward port because pod is not running\n")
    refused = cluster("list")
    assert refused.code == 3
    assert "unable to forward port because pod is not running" in refused.err
    assert "kubectl -n nice get pods" in refused.err


# ---------------------------------------------------------------- the order of places


def test_a_server_that_is_named_outweighs_every_cluster(
    nicectl: Nicectl, kubectl: ScriptedKubectl, server: Script
) -> None:
    assert nicectl("list", program="kubectl-nice").code == 0
    assert kubectl.calls() == []


def test_a_context_that_is_named_outweighs_the_server_of_the_environment(
    nicectl: Nicectl, kubectl: ScriptedKubectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NICE_SERVER", "http://127.0.0.1:1")
    kubectl.says("--context far config view", current())
    kubectl.says(f"--context far {EVERYWHERE}", {"items": [service("nice")]})
    kubectl.says(f"--context far {SECRET}", secret(admin=TOKEN))
    assert nicectl("list", "--context", "far").code == 0


def test_a_server_and_a_context_exclude_each_other(nicectl: Nicectl) -> None:
    assert nicectl("list", "--server", "http://localhost:1", "--context", "far").code == 2


def test_a_server_on_this_machine_comes_before_the_current_context(
    kubectl: ScriptedKubectl, server: Script
) -> None:
    assert decide(Wanted(), {}, server.base).http.base == server.base
    assert kubectl.calls() == []


def test_with_nobody_on_this_machine_the_current_context_is_asked_and_said(
    kubectl: ScriptedKubectl, capsys: pytest.CaptureFixture[str]
) -> None:
    place = decide(Wanted(), {}, NOBODY)
    assert place.namespace == "nice"
    assert (
        f"No server answers at {NOBODY}; asking nice/nice-commander of context kind."
        in capsys.readouterr().err
    )


def test_nobody_on_this_machine_and_no_cluster_names_both_places(kubectl: ScriptedKubectl) -> None:
    kubectl.refuses("config view", "error: current-context must exist in order to minify\n")
    with pytest.raises(Failure) as refused:
        decide(Wanted(), {}, NOBODY)
    for words in (NOBODY, "nicectl dev DIR", "NICE_SERVER", "current-context must exist", "--context"):
        assert words in refused.value.message
    assert refused.value.code == 3
