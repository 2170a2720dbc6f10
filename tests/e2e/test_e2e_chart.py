"""Both Helms judge the chart with each set of values, and the API server what they make of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import binaries
from tests.cluster.kubectl import Kubectl
from tests.cluster.places import ROOT
from tests.support.applying import try_all

CHART = ROOT / "charts" / "nice-commander"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
HELMS = ("helm", "helm3")
assert VALUES, f"expected sets of values in {CHART}/ci, found none"
pytestmark = pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)


def _helm(program: str, *arguments: str) -> str:
    command = [str(binaries.program(program)), *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def _rendered(program: str, values: Path, namespace: str) -> list[dict[str, Any]]:
    version = binaries.KUBERNETES.version()  # a Helm built from its module does not know a current one
    flags = ("--namespace", namespace, "--values", str(values), "--kube-version", version)
    text = _helm(program, "template", "nice", str(CHART), *flags)
    return [each for each in yaml.safe_load_all(text) if each]


@pytest.mark.parametrize("program", HELMS)
def test_the_chart_is_linted_without_a_warning(values: Path, program: str) -> None:
    said = _helm(program, "lint", "--strict", "--values", str(values), str(CHART))

    assert "1 chart(s) linted, 0 chart(s) failed" in said


def test_both_helms_make_the_same_of_it(values: Path) -> None:
    by_program = {program: _rendered(program, values, "team-a") for program in HELMS}

    assert by_program["helm"] == by_program["helm3"]
    assert {"Deployment", "Service", "ServiceAccount"} <= {each["kind"] for each in by_program["helm"]}


def test_the_service_says_where_nicectl_finds_the_tokens(values: Path) -> None:
    own = (yaml.safe_load(values.read_text()) or {}).get("auth", {}).get("existingSecret")
    (service,) = (
        each
        for each in _rendered("helm", values, "team-a")
        if each["kind"] == "Service" and "http" in {port.get("name") for port in each["spec"]["ports"]}
    )
    name = service["metadata"]["name"]
    assert service["metadata"]["labels"]["app.kubernetes.io/name"] == "nice-commander"
    assert service["metadata"]["annotations"]["nicecommander.dev/token-secret"] == (own or f"{name}-token")


def test_the_api_server_accepts_every_object_of_it(
    values: Path, crds: object, kubectl: Kubectl, shared_namespace: str, tmp_path: Path
) -> None:
    objects = _rendered("helm", values, shared_namespace)
    names = [f"{each['kind']} {each['metadata']['name']} #{number}" for number, each in enumerate(objects)]
    texts = {name: _here(each, shared_namespace) for name, each in zip(names, objects, strict=True)}

    answers = try_all(kubectl, shared_namespace, texts, tmp_path)

    assert {name: answer.errors for name, answer in answers.items() if answer.code != 0} == {}
    assert len(answers) == len(objects) > 5


def _here(each: dict[str, Any], namespace: str) -> str:
    """Namespaces that the values name need not exist here; the one of this module stands for all of them."""
    each["metadata"].pop("namespace", None)
    return yaml.safe_dump(each, sort_keys=False)
