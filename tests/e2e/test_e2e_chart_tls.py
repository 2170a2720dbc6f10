"""What the chart makes of `tls`: the operator, its probes, its workers and nicectl are told the same."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import yaml

from tests.cluster import binaries
from tests.cluster.places import ROOT

CHART = ROOT / "charts" / "nice-commander"
HELMS = ("helm", "helm3")


def _template(program: str, tls: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [str(binaries.program(program)), "template", "nice-commander", str(CHART), "--values", "-"]
    return subprocess.run(
        [*command, "--namespace", "nice", "--kube-version", binaries.KUBERNETES.version()],
        input=json.dumps({"tls": tls}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _rendered(program: str, **tls: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The operators' pod, and their Service."""
    answer = _template(program, tls)
    assert answer.returncode == 0, answer.stderr
    objects = [each for each in yaml.safe_load_all(answer.stdout) if each]
    named = {each["kind"]: each for each in objects if each["metadata"]["name"] == "nice-commander"}
    return named["Deployment"]["spec"]["template"]["spec"], named["Service"]


def _told(pod: dict[str, Any]) -> dict[str, str]:
    told = {each["name"]: each.get("value", "") for each in pod["containers"][0]["env"]}
    return {
        name: told[name] for name in ("NICE_OPERATOR_URL", "NICE_TLS_DIR", "NICE_WORKER_CA") if name in told
    }


def _schemes(pod: dict[str, Any]) -> set[str]:
    probes = (pod["containers"][0][f"{kind}Probe"] for kind in ("startup", "liveness", "readiness"))
    return {probe["httpGet"]["scheme"] for probe in probes}


@pytest.mark.parametrize("program", HELMS)
def test_without_a_secret_everything_is_plain(program: str) -> None:
    pod, service = _rendered(program)

    assert _told(pod) == {"NICE_OPERATOR_URL": "ws://nice-commander.nice.svc:9999"}
    assert _schemes(pod) == {"HTTP"}
    assert "nicecommander.dev/ca" not in service["metadata"]["annotations"]
    assert "tls" not in {volume["name"] for volume in pod["volumes"]}


@pytest.mark.parametrize("program", HELMS)
@pytest.mark.parametrize(
    ("config_map", "authority"), [("", "secret/nice-tls"), ("nice-ca", "configmap/nice-ca")]
)
def test_with_one_everybody_is_told_where_to_find_what(program: str, config_map: str, authority: str) -> None:
    pod, service = _rendered(program, existingSecret="nice-tls", caConfigMap=config_map)

    assert _told(pod) == {
        "NICE_OPERATOR_URL": "wss://nice-commander.nice.svc:9999",
        "NICE_TLS_DIR": "/etc/nice/tls",
        "NICE_WORKER_CA": authority,
    }
    assert _schemes(pod) == {"HTTPS"}
    assert service["metadata"]["annotations"]["nicecommander.dev/ca"] == authority
    assert {port["appProtocol"] for port in service["spec"]["ports"]} == {"https"}
    (volume,) = (each for each in pod["volumes"] if each["name"] == "tls")
    assert volume["secret"]["secretName"] == "nice-tls"
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["tls"] == "/etc/nice/tls"


@pytest.mark.parametrize("program", HELMS)
def test_an_authority_without_a_certificate_and_a_typo_are_refused(program: str) -> None:
    half = _template(program, {"caConfigMap": "nice-ca"})
    typo = _template(program, {"existingsecret": "nice-tls"})

    assert half.returncode != 0
    assert "tls.caConfigMap is set and tls.existingSecret is not" in half.stderr
    assert typo.returncode != 0
    assert "existingsecret" in typo.stderr
