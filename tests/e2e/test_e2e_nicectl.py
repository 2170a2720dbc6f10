"""nicectl on a real cluster: it finds the release, opens the way and speaks for the person whose kubectl it
uses; and the dev mode on a cluster's tasks."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kubectl import Kubectl
from tests.support.product import Product
from tests.support.release import NAME, Release, condition, installed, python_task, test_values, until

GROUP = "nicecommander.dev"
REQUESTED = f"{GROUP}/run-requested-at"
PROGRAMS = Path(sys.executable).parent
LINES = 24
Nicectl = Callable[..., subprocess.CompletedProcess[str]]

TALKS = f"""
import time

def run(payload):
    for number in range({LINES}):
        print(number, flush=True)
        time.sleep(0.5)
"""


@pytest.fixture(scope="module")
def release(
    kubectl: Kubectl, crds: list[dict[str, Any]], shared_namespace: str, images: str
) -> Iterator[Release]:
    """One that watches its own namespace alone, so that others are free for a dev server."""
    values = {**test_values(images), "watchNamespaces": [shared_namespace]}
    with installed(kubectl, shared_namespace, values) as release:
        tasks = [
            python_task("hello", "def run(payload):\n    print('hi')\n    return {'seen': payload}\n"),
            python_task("talks", TALKS),
            python_task("often", "def run(payload): pass", schedule="@hourly"),
        ]
        for task in tasks:
            task["metadata"]["namespace"] = release.namespace
        kubectl.apply(*tasks)
        kubectl(
            "wait", "--for=condition=Ready", "nicetask", "--all", "-n", release.namespace, "--timeout=30s"
        )
        yield release


@pytest.fixture
def nicectl(release: Release, tmp_path: Path) -> Nicectl:
    """As a person has it: kubectl on PATH, a kubeconfig, and nothing said of any server."""
    return caller(environment_of(release.kubectl), release)


def environment_of(kubectl: Kubectl) -> dict[str, str]:
    path = f"{PROGRAMS}:{kubectl.program.parent}:{os.environ['PATH']}"
    ours = {name: value for name, value in kubectl.environment().items() if not name.startswith("NICE_")}
    return {**ours, "PATH": path}


def caller(environment: Mapping[str, str], release: Release) -> Nicectl:
    context = release.kubectl.context or release.kubectl("config", "current-context").strip()
    place = ("--context", context, "--release", str(f"{release.namespace}/{NAME}"))

    def call(verb: str, *arguments: str, within: float = 90) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAMS / "nicectl", verb, *arguments, *place],
            env=environment, capture_output=True, text=True, check=False, timeout=within,
        )  # fmt: skip

    return call


def forwards(namespace: str) -> set[str]:
    """The port-forwards to a namespace that nicectl has open on this machine, by process id."""
    found = subprocess.run(
        ["pgrep", "-f", f"port-forward -n {namespace} --address"], capture_output=True, text=True
    )
    return set(found.stdout.split())


def test_a_task_is_run_followed_and_looked_at_as_in_dev_mode(release: Release, nicectl: Nicectl) -> None:
    name = f"{release.namespace}/hello"
    ran = nicectl("run", name, "--payload", '{"n": 1}', "--wait")
    log = nicectl("logs", name)
    listed = nicectl("list", "-o", "name")

    assert (ran.returncode, json.loads(ran.stdout)) == (0, {"seen": {"n": 1}})
    assert log.stdout == "hi\n"
    assert name in listed.stdout.splitlines()


def test_kubectl_finds_it_as_its_own_command(release: Release) -> None:
    context = ["--context", release.kubectl.context] if release.kubectl.context else []
    done = subprocess.run(
        [str(release.kubectl.program), "nice", "list", "-n", release.namespace, "-o", "name", *context],
        env=environment_of(release.kubectl), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"{release.namespace}/hello" in done.stdout
    assert done.stderr == ""


def test_kubectl_completes_its_words(release: Release) -> None:
    done = subprocess.run(
        [str(release.kubectl.program), "__complete", "nice", "su"],
        env=environment_of(release.kubectl), capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout.split() == ["suspend", ":4"]


def test_the_doctor_finds_nothing_that_fails(nicectl: Nicectl) -> None:
    found = json.loads(nicectl("doctor", "-o", "json").stdout)
    told = {each["check"] for each in found}
    assert [each for each in found if each["level"] == "fail"] == []
    assert {"crd", "operators", "pools", "server", "version", "redis", "leader", "workers"} <= told


def test_suspending_changes_the_spec_in_kubernetes_and_resuming_changes_it_back(
    release: Release, nicectl: Nicectl
) -> None:
    task = f"{release.namespace}/often"

    def planned() -> Any:
        return release.task("often")["status"].get("nextRunTime")

    assert nicectl("suspend", task).returncode == 0
    until(lambda: True if planned() is None else None, "a suspended task plans nothing")
    suspended = release.task("often")
    assert nicectl("resume", task).returncode == 0
    until(planned, "a resumed task plans again")

    assert suspended["spec"]["suspend"] is True
    assert suspended["metadata"]["generation"] == 2
    assert release.task("often")["spec"]["suspend"] is False


def test_a_log_is_followed_to_its_end_although_every_operator_is_replaced(
    release: Release, nicectl: Nicectl
) -> None:
    """Whichever of them the port-forward leads to."""
    run = nicectl("run", f"{release.namespace}/talks", "-o", "name").stdout.strip()
    command = [PROGRAMS / "nicectl", "logs", "-f", run, "--release", f"{release.namespace}/{NAME}"]
    with subprocess.Popen(
        [*command, "--context", release.kubectl("config", "current-context").strip()],
        env=environment_of(release.kubectl), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        first = process.stdout.readline()
        release.kubectl(
            "delete", "pod", "-n", release.namespace, "-l", "app.kubernetes.io/component=operator",
            "--wait=false",
        )  # fmt: skip
        rest, said = process.communicate(timeout=120)

    assert process.returncode == 0, said
    assert (first + rest).splitlines() == [str(number) for number in range(LINES)], said
    assert "The connection to the server is lost" in said
    until(lambda: True if not forwards(release.namespace) else None, "no port-forward is left behind", 15)
    release.ready()


def test_whoever_may_not_read_the_token_is_told_how_to_give_one_and_needs_few_rights(
    release: Release, nicectl: Nicectl, tmp_path: Path
) -> None:
    person = a_person(release.kubectl, release.namespace, tmp_path, OPENS_THE_WAY)
    environment = environment_of(release.kubectl) | {"KUBECONFIG": str(person)}
    guest = caller(environment, release)
    with_token = caller(environment | {"NICE_TOKEN": token_of(release)}, release)

    refused, listed = guest("list"), with_token("list", "-o", "name")

    assert refused.returncode == 3
    assert "you may not read it" in refused.stderr
    assert "--token-file FILE, NICE_TOKEN_FILE or NICE_TOKEN" in refused.stderr
    assert listed.returncode == 0, listed.stderr
    assert f"{release.namespace}/hello" in listed.stdout


def token_of(release: Release) -> str:
    secret = release.kubectl.get("secret", f"{NAME}-token", "-n", release.namespace)
    return base64.b64decode(secret["data"]["admin"]).decode()


RBAC = "rbac.authorization.k8s.io"
OPENS_THE_WAY = [
    {"apiGroups": [""], "resources": ["services", "pods"], "verbs": ["get", "list"]},
    {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create"]},
]
RUNS_THE_TASKS = [
    {"apiGroups": [GROUP], "resources": ["nicetasks"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [GROUP], "resources": ["nicetasks/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
]
SEES_OPERATORS = [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list"]}]


def a_person(kubectl: Kubectl, namespace: str, folder: Path, rules: list[dict[str, Any]]) -> Path:
    """The kubeconfig of somebody who may do this in a namespace, and nothing else."""
    subject = {"kind": "ServiceAccount", "name": "person", "namespace": namespace}
    metadata = {"name": "person", "namespace": namespace}
    kubectl.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1", "kind": "RoleBinding", "metadata": metadata, "subjects": [subject],
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "person"},
        },
    )  # fmt: skip
    token = kubectl("create", "token", "person", "-n", namespace).strip()
    config = json.loads(kubectl("config", "view", "--raw", "--minify", "-o", "json"))
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    file = folder / "person.json"
    file.write_text(json.dumps(config))
    return file


@contextmanager
def seeing_operators(kubectl: Kubectl, namespace: str) -> Iterator[None]:
    """Meanwhile that person may list Deployments everywhere."""
    metadata = {"name": f"{namespace}-person"}
    kubectl.apply(
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": SEES_OPERATORS},
        {
            "apiVersion": f"{RBAC}/v1", "kind": "ClusterRoleBinding", "metadata": metadata,
            "subjects": [{"kind": "ServiceAccount", "name": "person", "namespace": namespace}],
            "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": metadata["name"]},
        },
    )  # fmt: skip
    try:
        yield
    finally:
        kubectl("delete", "clusterrole,clusterrolebinding", metadata["name"])


# ---------------------------------------------------------------- the dev mode on a cluster


def dev_arguments(kubeconfig: Path, *namespaces: str) -> list[str]:
    chosen = [word for namespace in namespaces for word in ("-n", namespace)]
    return ["--kube", "--kubeconfig", str(kubeconfig), *chosen]


def nice_dev(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One that is expected not to start."""
    command = [PROGRAMS / "nicectl", "dev", *words, "--data", str(folder), "--port", "0"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("everywhere", [True, False], ids=["all namespaces", "the release's"])
def test_the_dev_mode_refuses_what_the_release_looks_after(
    release: Release, tmp_path: Path, everywhere: bool
) -> None:
    context = ["--context", release.kubectl.context] if release.kubectl.context else []
    namespaces = [] if everywhere else [release.namespace]
    done = nice_dev(tmp_path, *dev_arguments(release.kubectl.kubeconfig, *namespaces), *context)
    assert done.returncode == 2
    assert f"{release.namespace}/{NAME} (namespaces: {release.namespace})" in done.stderr
    assert "--beside-operator" in done.stderr


def test_the_dev_mode_runs_the_tasks_of_a_namespace_that_nobody_looks_after(
    release: Release, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    """By somebody who may do just this. What was asked for or due before it began is not run."""
    asked = python_task("asked", "def run(payload):\n    print('here')\n    return {'where': 'here'}\n")
    moment = datetime.now(UTC) + timedelta(seconds=1)
    once = python_task("once", "def run(payload): pass", runAt=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    asked["metadata"]["annotations"] = {REQUESTED: datetime.now(UTC).isoformat()}
    for task in (asked, once):
        task["metadata"]["namespace"] = namespace
    kubectl.apply(asked, once)

    def status(name: str) -> Any:
        return kubectl.get("nicetask", name, "-n", namespace)

    until(lambda: True if datetime.now(UTC) > moment + timedelta(seconds=1) else None, "the moment is over")
    words = dev_arguments(a_person(kubectl, namespace, tmp_path, RUNS_THE_TASKS), namespace)
    blind = nice_dev(tmp_path / "blind", *words)
    with (
        seeing_operators(kubectl, namespace),
        Product(tmp_path, tmp_path / "data", *words, module="nice_cli") as product,
    ):
        kubectl("wait", "--for=condition=Ready", "nicetask", "--all", "-n", namespace, "--timeout=30s")
        before = [run["state"] for run in product.get(f"/api/v1/runs?namespace={namespace}")["runs"]]
        kubectl(
            "annotate", "nicetask", "asked", "-n", namespace, "--overwrite",
            f"{REQUESTED}={datetime.now(UTC).isoformat()}",
        )  # fmt: skip
        until(lambda: condition(status("asked"), "LastRunSucceeded") == "True" or None, "its end is told")
        runs = product.get(f"/api/v1/runs?namespace={namespace}&task=asked")["runs"]
        result = product.get(f"/api/v1/runs/{runs[0]['id']}")["result"]
        kubectl("delete", "nicetask", "asked", "-n", namespace)
        product.until(
            "/api/v1/tasks", lambda found: [each["name"] for each in found["tasks"]] == ["once"], seconds=30
        )
        assert product.stop() == 0

    assert blind.returncode == 2
    assert "nobody can tell whether an operator works in this cluster" in blind.stderr
    assert before == ["missed"]
    assert len(runs) == 1
    assert result == {"where": "here"}
    assert condition(status("once"), "Succeeded") == "False"
