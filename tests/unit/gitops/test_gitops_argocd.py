"""What Argo CD concludes from each state of our objects, and what its actions do to them."""

from __future__ import annotations

import copy
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from nice_operator.engine.annotations import asked, counts
from nice_operator.handlers.definition import definition_of
from nice_operator.handlers.seen import Seen, sight_of
from nice_operator.resources import GROUP
from tests.support.lua import run_lua
from tests.support.states import State, names, pool_states, task_states

ARGOCD = Path(__file__).resolve().parents[3] / "deploy/gitops/argocd"
CUSTOMIZATIONS = ARGOCD / "resource_customizations" / GROUP
TASK, POOL = CUSTOMIZATIONS / "NiceTask", CUSTOMIZATIONS / "NiceWorkerPool"
REQUESTED = f"{GROUP}/run-requested-at"
TASKS, POOLS = task_states(), pool_states()


def script(folder: Path, *parts: str) -> str:
    return folder.joinpath(*parts).read_text(encoding="utf-8")


# ---------------------------------------------------------------- health


@pytest.mark.parametrize("state", TASKS, ids=names(TASKS))
def test_the_health_of_a_task_is_that_of_its_definition(state: State) -> None:
    health = run_lua(script(TASK, "health.lua"), state.document)
    assert health["status"] == state.health
    assert health["message"]


@pytest.mark.parametrize("state", POOLS, ids=names(POOLS))
def test_the_health_of_a_pool_is_whether_it_can_run_something(state: State) -> None:
    health = run_lua(script(POOL, "health.lua"), state.document)
    assert health["status"] == state.health
    assert health["message"]


@pytest.mark.parametrize("folder", [TASK, POOL], ids=["task", "pool"])
def test_an_object_without_any_status_is_waited_for(folder: Path) -> None:
    health = run_lua(script(folder, "health.lua"), {"metadata": {"generation": 1}, "spec": {}})
    assert health == {"status": "Progressing", "message": "Waiting for the operator"}


def cases(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    """Argo CD's own form of tests, as it wants them beside a script."""
    found = yaml.safe_load(script(folder, "health_test.yaml"))["tests"]
    return [(folder / case["inputPath"], case["healthStatus"]) for case in found]


ALL_CASES = [*cases(TASK), *cases(POOL)]


@pytest.mark.parametrize(("file", "wanted"), ALL_CASES, ids=[file.stem for file, _ in ALL_CASES])
def test_the_tests_in_argo_cds_own_form_hold(file: Path, wanted: dict[str, Any]) -> None:
    health = run_lua(script(file.parents[1], "health.lua"), yaml.safe_load(file.read_text()))
    assert health == wanted


# ---------------------------------------------------------------- actions


def task(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": "hello", "namespace": "team", "uid": "u1", "generation": 1},
        "spec": {"timeoutAfter": "1 minute", "run": {"command": ["true"]}, **spec},
    }


def act(action: str, document: dict[str, Any]) -> Any:
    return run_lua(script(TASK, "actions", action, "action.lua"), copy.deepcopy(document))


@pytest.mark.parametrize(
    ("suspend", "offered"), [({}, {"run-now", "suspend"}), ({"suspend": True}, {"resume"})]
)
def test_a_task_offers_what_it_would_do(suspend: dict[str, bool], offered: set[str]) -> None:
    actions = run_lua(script(TASK, "actions", "discovery.lua"), task(**suspend))
    assert {name for name, action in actions.items() if not action["disabled"]} == offered
    assert set(actions) == {file.parent.name for file in (TASK / "actions").glob("*/action.lua")}


def test_running_now_asks_for_one_run_and_leaves_the_spec_alone() -> None:
    before, began = task(), datetime.now(UTC).replace(microsecond=0)
    after = act("run-now", before)

    definition = definition_of(seen(after))
    request = asked(definition)
    assert after["spec"] == before["spec"]
    assert definition.stalled == ""
    assert request is not None
    assert began <= datetime.fromisoformat(request.value) <= datetime.now(UTC)
    assert counts(request, began - timedelta(days=1), first_sight=True)


def test_running_now_keeps_the_annotations_that_are_there() -> None:
    before = task()
    before["metadata"]["annotations"] = {"team": "a", REQUESTED: "2020-01-01T00:00:00Z"}
    annotations = act("run-now", before)["metadata"]["annotations"]
    assert annotations["team"] == "a"
    assert annotations[REQUESTED] > "2020-01-01T00:00:00Z"


def seen(document: dict[str, Any]) -> Seen:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    document["metadata"] |= {"creationTimestamp": made, "resourceVersion": "1"}
    sight = sight_of(None, document)
    assert isinstance(sight, Seen)
    return sight


def test_suspending_and_resuming_change_one_field() -> None:
    before = task()
    suspended = act("suspend", before)
    assert suspended == task(suspend=True)
    assert act("resume", suspended) == task(suspend=False)


def test_the_tests_of_actions_in_argo_cds_own_form_hold() -> None:
    folder = TASK / "actions"
    tests = yaml.safe_load(script(folder, "action_test.yaml"))
    for case in tests["discoveryTests"]:
        found = run_lua(script(folder, "discovery.lua"), yaml.safe_load(script(folder, case["inputPath"])))
        assert found == {each.pop("name"): each for each in case["result"]}
    for case in tests["actionTests"]:
        given, wanted = (
            yaml.safe_load(script(folder, case[key])) for key in ("inputPath", "expectedOutputPath")
        )
        assert act(case["action"], given) == wanted


# ---------------------------------------------------------------- what is installed


def test_the_configmap_holds_the_scripts_as_they_are() -> None:
    data = yaml.safe_load((ARGOCD / "argocd-cm.yaml").read_text())["data"]
    start = "resource.customizations"
    actions = yaml.safe_load(data[f"{start}.actions.{GROUP}_NiceTask"])

    assert data[f"{start}.health.{GROUP}_NiceTask"] == script(TASK, "health.lua")
    assert data[f"{start}.health.{GROUP}_NiceWorkerPool"] == script(POOL, "health.lua")
    assert actions["discovery.lua"] == script(TASK, "actions", "discovery.lua")
    assert {each["name"]: each["action.lua"] for each in actions["definitions"]} == {
        name: script(TASK, "actions", name, "action.lua") for name in ("run-now", "suspend", "resume")
    }
