"""The Deployment that a pool becomes.

Golden files: ``NICE_WRITE_GOLDEN=1`` writes what is rendered now; read the difference before it is kept, for
whatever changes in the pod's template rolls the workers of everybody who upgrades.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from nice_operator.cluster.pool_deployment import Installation, deployment
from nice_operator.domain.pool import Pool
from nice_operator.resources import read_pool
from tests.support.manifests import MANIFESTS

GOLDEN = Path(__file__).parents[2] / "golden" / "pools"
INSTALLATION = Installation(
    namespace="nice",
    operator_url="ws://nice-commander.nice:9999",
    image="registry.example.com/nice-commander/runner:1",
    pull_secrets=("ours",),
    service_account="nice-worker",
    environment=({"name": "NICE_LOGS_BACKEND", "value": "sql"},),
)


def the_pool(name: str, namespace: str = "nice") -> Pool:
    written = yaml.safe_load((MANIFESTS / f"pools/good/{name}.yaml").read_text())
    written["metadata"] |= {"namespace": namespace, "uid": "11111111-1111-4111-8111-111111111111"}
    return read_pool(written | {"metadata": written["metadata"] | {"generation": 1}}).pool


def rendered(name: str, namespace: str = "nice", replicas: int = 2) -> dict[str, Any]:
    return deployment(the_pool(name, namespace), INSTALLATION, replicas)


def pod_of(name: str, namespace: str = "nice") -> dict[str, Any]:
    spec: dict[str, Any] = rendered(name, namespace)["spec"]["template"]["spec"]
    return spec


def container(name: str, pod: dict[str, Any]) -> dict[str, Any]:
    return next(each for each in [*pod["containers"], *pod["initContainers"]] if each["name"] == name)


@pytest.mark.parametrize("name", ["smallest", "own-image", "everything"])
def test_a_pool_is_rendered_as_its_golden_file_says(name: str) -> None:
    text = yaml.safe_dump(rendered(name), sort_keys=False)
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("NICE_WRITE_GOLDEN"):
        file.write_text(text)

    assert text == file.read_text()


def test_the_token_is_the_supervisors_alone() -> None:
    pod = pod_of("everything")

    mounting = [
        each["name"]
        for each in [*pod["containers"], *pod["initContainers"]]
        if any(mount["name"] == "nice-token" for mount in each.get("volumeMounts", ()))
    ]
    assert mounting == ["supervisor"]
    assert pod["automountServiceAccountToken"] is False


def test_supervisor_and_runs_are_different_users_who_share_the_group_of_their_volumes() -> None:
    plain, chosen = pod_of("smallest"), pod_of("everything")

    assert container("supervisor", plain)["securityContext"]["runAsUser"] == 65532
    assert container("runner", plain)["securityContext"]["runAsUser"] == 65533
    assert plain["securityContext"]["fsGroup"] == 65532
    # The user's own choice holds for the runner, never for the supervisor.
    assert "runAsUser" not in container("runner", chosen)["securityContext"]
    assert chosen["securityContext"] | {"runAsUser": 1000, "fsGroup": 2000} == chosen["securityContext"]
    assert container("supervisor", chosen)["securityContext"]["runAsUser"] == 65532


@pytest.mark.parametrize("name", ["smallest", "own-image", "everything"])
def test_every_container_keeps_to_pod_security_restricted(name: str) -> None:
    pod = pod_of(name)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for each in [*pod["containers"], *pod["initContainers"]]:
        assert each["securityContext"]["allowPrivilegeEscalation"] is False, each["name"]
        assert each["securityContext"]["capabilities"]["drop"] == ["ALL"], each["name"]
    for own in ("supervisor", "runner", "zygote"):
        assert container(own, pod)["securityContext"]["readOnlyRootFilesystem"] is True
    assert all("sizeLimit" in v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v)


def test_a_supervisor_is_alive_while_it_takes_the_question_away(tmp_path: Path) -> None:
    probe = container("supervisor", pod_of("smallest"))["livenessProbe"]
    environment = {e["name"]: e.get("value") for e in container("supervisor", pod_of("smallest"))["env"]}
    place = str(tmp_path / "pulse")
    command = [word.replace(environment["NICE_PULSE_FILE"], place) for word in probe["exec"]["command"]]

    assert subprocess.run(command, check=False).returncode == 0, "the first question"
    assert subprocess.run(command, check=False).returncode != 0, "it was not taken away"
    Path(place).unlink()
    assert subprocess.run(command, check=False).returncode == 0, "it was"


def test_a_question_that_cannot_be_put_is_not_held_against_the_supervisor(tmp_path: Path) -> None:
    probe = container("supervisor", pod_of("smallest"))["livenessProbe"]
    nowhere = str(tmp_path / "nowhere" / "pulse")
    command = [word.replace("/tmp/pulse", nowhere) for word in probe["exec"]["command"]]

    assert subprocess.run(command, check=False, capture_output=True).returncode == 0


def test_a_supervisor_is_not_given_up_before_its_lease_is_over() -> None:
    probe = container("supervisor", pod_of("smallest"))["livenessProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] >= 30
    assert probe["terminationGracePeriodSeconds"] < 10, "a frozen one drains nothing"


@pytest.mark.parametrize(("kind", "source"), [("secret", "secret"), ("configmap", "configMap")])
def test_the_authority_of_the_operator_is_the_supervisors_and_nothing_beside_it_is_mounted(
    kind: str, source: str
) -> None:
    installation = replace(INSTALLATION, authority=(kind, "nice-tls"))
    pod = deployment(the_pool("everything"), installation, 1)["spec"]["template"]["spec"]

    (volume,) = (each for each in pod["volumes"] if each["name"] == "nice-ca")
    only = {"name": "nice-tls", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    assert volume["projected"]["sources"] == [{source: only}]
    environment = {each["name"]: each.get("value") for each in container("supervisor", pod)["env"]}
    (mount,) = (m for m in container("supervisor", pod)["volumeMounts"] if m["name"] == "nice-ca")
    assert environment["NICE_CA_FILE"] == f"{mount['mountPath']}/ca.crt"
    for each in [*pod["containers"], *pod["initContainers"]]:
        mounting = "nice-ca" in {mount["name"] for mount in each.get("volumeMounts", ())}
        assert mounting == (each["name"] == "supervisor")


def test_what_the_user_says_of_the_pod_stays() -> None:
    pod = pod_of("everything")

    assert pod["serviceAccountName"] == "reports"
    assert pod["terminationGracePeriodSeconds"] == 120
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["tolerations"] == [{"key": "batch", "operator": "Exists"}]
    assert [each["name"] for each in pod["containers"]] == ["supervisor", "runner", "proxy"]
    assert [each["name"] for each in pod["initContainers"]] == ["zygote", "warm"]
    runner = container("runner", pod)
    assert runner["image"] == "registry.example.com/reports:4"
    assert "imagePullPolicy" not in runner
    assert runner["resources"] == {"limits": {"memory": "512Mi"}}
    assert runner["env"][0]["name"] == "TOKEN"


def test_labels_of_the_product_win_and_the_users_own_stay() -> None:
    made = rendered("everything")

    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "reports"
    assert labels["nicecommander.dev/pool"] == "everything"
    assert made["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_releases_service_account_is_only_for_pools_of_its_namespace() -> None:
    assert pod_of("smallest")["serviceAccountName"] == "nice-worker"
    assert "serviceAccountName" not in pod_of("smallest", "team-a")


def test_a_role_of_aws_is_the_supervisors_alone_unless_the_user_decides() -> None:
    annotations = rendered("everything")["spec"]["template"]["metadata"]["annotations"]

    assert annotations["eks.amazonaws.com/skip-containers"] == "proxy,runner"


def test_keys_for_aws_are_files_that_the_supervisor_alone_can_read() -> None:
    with_keys = replace(INSTALLATION, aws_secret="aws-keys")
    pod = deployment(the_pool("everything"), with_keys, 1)["spec"]["template"]["spec"]

    (volume,) = [each for each in pod["volumes"] if each["name"] == "nice-aws"]
    mounting = [
        each["name"]
        for each in [*pod["containers"], *pod["initContainers"]]
        if any(mount["name"] == "nice-aws" for mount in each.get("volumeMounts", ()))
    ]
    told = {each["name"]: each.get("value") for each in container("supervisor", pod)["env"]}
    assert volume["secret"] == {"secretName": "aws-keys", "optional": True, "defaultMode": 0o440}
    assert mounting == ["supervisor"]
    assert told["AWS_SHARED_CREDENTIALS_FILE"] == "/etc/nice/aws/credentials"
    assert "AWS" not in str([each.get("env") for each in pod["containers"] if each["name"] != "supervisor"])


def test_where_no_keys_are_named_there_is_nothing_of_aws_in_a_pod() -> None:
    assert "aws" not in str(pod_of("everything")["containers"]).lower()
    assert "nice-aws" not in str(pod_of("everything")["volumes"])


def test_how_many_workers_there_are_changes_nothing_in_the_pod() -> None:
    few, many = rendered("smallest", replicas=1), rendered("smallest", replicas=9)

    assert few["spec"]["template"] == many["spec"]["template"]
    assert (few["spec"]["replicas"], many["spec"]["replicas"]) == (1, 9)


def test_a_users_python_path_comes_after_the_zygotes() -> None:
    pool = the_pool("own-image")
    pool.template["spec"]["containers"][0]["env"] = [{"name": "PYTHONPATH", "value": "/app"}]

    made = deployment(pool, INSTALLATION, 1)

    runner = container("runner", made["spec"]["template"]["spec"])
    assert [each for each in runner["env"] if each["name"] == "PYTHONPATH"] == [
        {"name": "PYTHONPATH", "value": "/nice:/app"}
    ]


def test_the_drain_ends_before_the_grace_does() -> None:
    pod = pod_of("everything")

    variables = {each["name"]: each.get("value") for each in container("supervisor", pod)["env"]}
    assert int(variables["NICE_DRAIN_SECONDS"] or 0) < pod["terminationGracePeriodSeconds"]
