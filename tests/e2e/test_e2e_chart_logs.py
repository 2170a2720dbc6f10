"""What the chart makes of `logs`: CloudWatch or the database, and nothing half said."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.cluster import binaries
from tests.cluster.places import ROOT

CHART = ROOT / "charts" / "nice-commander"
GROUP = {"backend": "cloudwatch", "region": "eu-central-1", "logGroupName": "/nice/runs"}


def _template(logs: dict[str, str]) -> subprocess.CompletedProcess[str]:
    version = binaries.KUBERNETES.version()
    command = [str(binaries.program("helm")), "template", "nice", str(CHART), "--values", "-"]
    return subprocess.run(
        [*command, "--kube-version", version],
        input=json.dumps({"logs": logs}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _operator(logs: dict[str, str]) -> dict[str, Any]:
    """The pod of the operators."""
    answer = _template(logs)
    assert answer.returncode == 0, answer.stderr
    objects = [each for each in yaml.safe_load_all(answer.stdout) if each]
    wanted = ("Deployment", "nice-nice-commander")
    (found,) = (each for each in objects if (each["kind"], each["metadata"]["name"]) == wanted)
    spec: dict[str, Any] = found["spec"]["template"]["spec"]
    return spec


def _variables(pod: dict[str, Any]) -> dict[str, str]:
    (container,) = pod["containers"]
    told = {each["name"]: each.get("value", "") for each in container["env"]}
    return {name: value for name, value in told.items() if name.startswith(("NICE_LOGS_", "AWS_"))}


def _mounting(pod: dict[str, Any], volume: str) -> list[str]:
    return [
        each["name"]
        for each in [*pod["initContainers"], *pod["containers"]]
        if any(mount["name"] == volume for mount in each.get("volumeMounts", ()))
    ]


def test_logs_are_in_the_database_unless_something_else_is_said() -> None:
    pod = _operator({})

    assert _variables(pod) == {}
    assert "aws" not in str(pod["volumes"])


def test_a_role_needs_nothing_but_group_and_region() -> None:
    assert _variables(_operator(GROUP)) == {
        "NICE_LOGS_BACKEND": "cloudwatch",
        "NICE_LOGS_GROUP": "/nice/runs",
        "NICE_LOGS_REGION": "eu-central-1",
    }


def test_keys_are_files_of_the_operators_container_alone() -> None:
    pod = _operator({**GROUP, "existingSecret": "aws-keys", "endpointUrl": "http://moto:5000"})

    assert _mounting(pod, "aws") == ["operator"]
    assert _variables(pod) == {
        "NICE_LOGS_BACKEND": "cloudwatch",
        "NICE_LOGS_GROUP": "/nice/runs",
        "NICE_LOGS_REGION": "eu-central-1",
        "NICE_LOGS_ENDPOINT_URL": "http://moto:5000",
        "NICE_LOGS_SECRET": "aws-keys",
        "AWS_SHARED_CREDENTIALS_FILE": "/etc/nice/aws/credentials",
        "AWS_CONFIG_FILE": "/etc/nice/aws/config",
    }


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ({**GROUP, "region": ""}, "logs.region is not set"),
        ({**GROUP, "logGroupName": ""}, "logs.logGroupName is not set"),
        ({"logGroupName": "/nice/runs"}, "logs.logGroupName is set and logs.backend is sql"),
        ({"existingSecret": "aws-keys"}, "logs.existingSecret is set and logs.backend is sql"),
        ({"backend": "s3"}, "backend"),
        ({"group": "/nice/runs"}, "group"),
    ],
)
def test_what_is_half_said_or_misspelt_is_refused(logs: dict[str, str], said: str) -> None:
    answer = _template(logs)

    assert answer.returncode != 0
    assert said in answer.stderr
