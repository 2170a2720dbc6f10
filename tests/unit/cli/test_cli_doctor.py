"""What the doctor says of servers and clusters that are well, and of those that are not."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

import nice_cli
from nice_cli.doctor.cluster import all_asleep, check_pools
from nice_cli.doctor.definitions import FIELDS, check_definition
from nice_cli.doctor.finding import Finding, Level
from nice_cli.doctor.server import check_clock
from tests.unit.cli.conftest import Nicectl, task_document
from tests.unit.cli.scripted_server import Script

CRDS = Path(__file__).resolve().parents[3] / "crds"
NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
WORKER = {
    "name": "w-1", "pool": "nice/default", "slots": 4, "draining": False, "weakness": None, "runs": [],
    "connectedAt": "2026-01-02T03:04:05.000Z", "session": "s",
}  # fmt: skip


def health(**changes: Any) -> dict[str, Any]:
    part = {"name": "scheduler", "running": True, "failures": 0, "lastError": None, "silentForSeconds": 0.1}
    return {
        "version": nice_cli.version(),
        "now": datetime.now(UTC).isoformat(),
        "hearsOthers": True,
        "replica": "a",
        "leads": True,
        "leader": {"name": "a", "term": 3, "since": "2026-01-02T03:04:05.000Z"},
        "services": [part],
        "duties": [part],
        "replicas": [],
        **changes,
    }


def some_server(server: Script, **changes: Any) -> None:
    server.json("GET", "/api/v1/health", health(**changes))
    server.json("GET", "/api/v1/workers", {"workers": [WORKER]})
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document()]})
    server.json("GET", "/api/v1/definitions", {"broken": []})


def levels(findings: Any) -> list[tuple[str, str]]:
    return [(finding.level.value, finding.check) for finding in findings]


def test_a_server_that_is_well_ends_with_0(server: Script, nicectl: Nicectl) -> None:
    some_server(server)
    answer = nicectl("doctor")
    assert answer.code == 0
    assert {line.split()[0] for line in answer.out.splitlines()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "code", "line"),
    [
        ({"version": "9.9.9"}, 0, "warn  version"),
        ({"now": "2020-01-01T00:00:00Z"}, 0, "warn  clock"),
        ({"hearsOthers": False}, 0, "warn  redis"),
        ({"leader": None}, 1, "fail  leader"),
        (
            {
                "duties": [
                    {
                        "name": "status",
                        "running": True,
                        "failures": 2,
                        "lastError": "403",
                        "silentForSeconds": 1,
                    }
                ]
            },
            1,
            "fail  services   failing: status (403)",
        ),
    ],
)
def test_what_is_not_well_is_named_with_a_remedy(
    server: Script, nicectl: Nicectl, changes: dict[str, Any], code: int, line: str
) -> None:
    some_server(server, **changes)
    answer = nicectl("doctor")
    said = answer.out.splitlines()
    (at,) = [number for number, text in enumerate(said) if text.startswith(line)]
    assert answer.code == code
    assert said[at + 1].strip().startswith("→")


def test_workers_that_cannot_keep_runs_apart_are_named(server: Script, nicectl: Nicectl) -> None:
    server.json(
        "GET", "/api/v1/workers", {"workers": [{**WORKER, "weakness": "its runs can signal each other"}]}
    )
    some_server(server)
    answer = nicectl("doctor")
    assert "warn  landlock   w-1: its runs can signal each other" in answer.out


def test_tasks_that_are_not_in_force_are_named(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/tasks", {"tasks": [task_document(stalled="spec.timeZone: unknown")]})
    some_server(server)
    assert "warn  tasks      stalled: default/hello" in nicectl("doctor").out


def test_a_server_that_does_not_answer_ends_with_3(nicectl: Nicectl) -> None:
    answer = nicectl("doctor", "--server", "http://127.0.0.1:1")
    assert answer.code == 3
    assert answer.out.startswith("fail  server     no server answers at http://127.0.0.1:1")


def test_a_server_without_its_database_ends_with_3(server: Script, nicectl: Nicectl) -> None:
    server.json("GET", "/api/v1/health", {"message": "the database does not answer"}, 503)
    answer = nicectl("doctor")
    assert answer.code == 3
    assert "fail  server     the database does not answer" in answer.out


def test_programs_get_the_findings_as_json(server: Script, nicectl: Nicectl) -> None:
    some_server(server, hearsOthers=False)
    found = {each["check"]: each for each in json.loads(nicectl("doctor", "-o", "json").out)}
    assert found["redis"]["level"] == "warn"
    assert found["redis"]["remedy"]


def test_a_clock_is_judged_by_the_moment_at_which_the_answer_was_made() -> None:
    late = timedelta(seconds=20)
    assert levels(check_clock({"now": NOON.isoformat()}, NOON - late, NOON + late)) == [("ok", "clock")]
    assert levels(check_clock({"now": NOON.isoformat()}, NOON + late, NOON + late)) == [("warn", "clock")]


# ---------------------------------------------------------------- resource definitions


def definition(plural: str) -> dict[str, Any]:
    """As the repository has it, established."""
    found: dict[str, Any] = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    return found | {"status": {"conditions": [{"type": "Established", "status": "True"}]}}


@pytest.mark.parametrize("plural", ["nicetasks", "niceworkerpools"])
def test_the_fields_that_are_asked_for_are_those_of_the_definitions(plural: str) -> None:
    found = definition(plural)
    schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert FIELDS[found["metadata"]["name"]] == set(schema["properties"]["spec"]["properties"])
    assert levels(check_definition(found, FIELDS[found["metadata"]["name"]])) == [("ok", "crd")]


def older(found: dict[str, Any]) -> None:
    del found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["retry"]


def of_another_version(found: dict[str, Any]) -> None:
    found["spec"]["versions"][0]["name"] = "v1alpha1"


def without_status(found: dict[str, Any]) -> None:
    del found["spec"]["versions"][0]["subresources"]


def whose_names_are_taken(found: dict[str, Any]) -> None:
    found["status"]["conditions"][0]["status"] = "False"


@pytest.mark.parametrize("harm", [older, of_another_version, without_status, whose_names_are_taken])
def test_a_definition_that_does_not_fit_fails(harm: Any) -> None:
    found = copy.deepcopy(definition("nicetasks"))
    harm(found)
    (finding,) = check_definition(found, FIELDS["nicetasks.nicecommander.dev"])
    assert finding.level is Level.FAIL
    assert finding.remedy


# ---------------------------------------------------------------- pools


def pool(ready: str, stalled: str = "False", reason: str = "Connected", observed: int = 1) -> dict[str, Any]:
    conditions = [
        {"type": "Ready", "status": ready, "reason": reason, "message": "so it is"},
        {"type": "Stalled", "status": stalled, "reason": reason, "message": "no such image"},
    ]
    return {
        "metadata": {"namespace": "nice", "name": "default", "generation": 1},
        "status": {"observedGeneration": observed, "conditions": conditions},
    }


@pytest.mark.parametrize(
    ("pools", "level"),
    [
        ([pool("True")], "ok"),
        ([pool("False", reason="Starting")], "warn"),
        ([pool("False", "True", "InvalidSpec")], "fail"),
        ([pool("True", observed=-1)], "warn"),
        ([], "warn"),
    ],
)
def test_a_pool_is_judged_by_its_conditions(pools: list[dict[str, Any]], level: str) -> None:
    findings: list[Finding] = list(check_pools(pools))
    assert levels(findings) == [(level, "pools")]


def test_pools_are_asleep_only_together() -> None:
    asleep = pool("True", reason="ScaledToZero")
    assert all_asleep([asleep, asleep])
    assert not all_asleep([asleep, pool("True")])
    assert not all_asleep([])
