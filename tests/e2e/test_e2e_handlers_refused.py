"""Objects that cannot be put into force: their authors learn why, once, and nothing breaks."""

from __future__ import annotations

import copy
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nice_operator.ports import KubeAccess
from tests.cluster.kubectl import Kubectl
from tests.cluster.target import Target
from tests.cluster.waiting import until
from tests.support.leader import Kube, Leader, a_leader, eventually, manifest

WORKS: dict[str, Any] = {"timeoutAfter": "1 minute", "run": {"external": {}}}
CRD = "nicetasks.nicecommander.dev"


class SomePools:
    """Pools as a test says."""

    def __init__(self) -> None:
        self.refusal: str | None = None
        self._listeners: list[Callable[[], None]] = []

    def admits(self, namespace: str, queue: str) -> str | None:
        return self.refusal

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def change(self, refusal: str | None) -> None:
        """From now on."""
        self.refusal = refusal
        for listener in self._listeners:
            listener()


@pytest.fixture
def kube(kubectl: Kubectl, namespace: str, crds: list[Any]) -> Kube:
    return Kube(kubectl, namespace)


@pytest.fixture
def pools() -> SomePools:
    return SomePools()


@pytest.fixture
async def leader(kubectl: Kubectl, kube: Kube, pools: SomePools, tmp_path: Path) -> AsyncIterator[Leader]:
    """One that leads."""
    access = KubeAccess(kubectl.kubeconfig, kubectl.context or None)
    async with a_leader(tmp_path / "nice.db", access, kube.namespace, pools=pools) as made:
        made.lead()
        yield made


@pytest.fixture
def loose_crd(kubectl: Kubectl, crds: list[Any], target: Target, namespace: str) -> Iterator[None]:
    """As if somebody had an older definition, which checks nothing."""
    if not target.ours:
        pytest.skip("the definitions of a cluster that is not ours stay as they are")
    strict = kubectl.get("crd", CRD)
    loose = copy.deepcopy(strict)
    schema = loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema.pop("required")
    _replace_spec(kubectl, loose)
    bad = json.dumps(manifest("probe", schedule="61 * * * *"))

    def accepts() -> bool:
        arguments = ("apply", "--dry-run=server", "-n", namespace, "-f", "-")
        return kubectl.attempt(*arguments, text=bad).code == 0

    until("the loose definition is in force", accepts, 60)
    yield
    kubectl("delete", "nicetasks", "--all", "-n", namespace)
    _replace_spec(kubectl, strict)
    until("the strict definition is in force again", lambda: not accepts(), 60)


def _replace_spec(kubectl: Kubectl, crd: dict[str, Any]) -> None:
    patch = json.dumps([{"op": "replace", "path": "/spec/versions", "value": crd["spec"]["versions"]}])
    kubectl("patch", "crd", CRD, "--type=json", "-p", patch)


async def test_what_only_we_can_know_stalls_with_field_and_remedy_and_one_event(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("mars", schedule="0 3 * * *", timeZone="Mars/Olympus"))

    await kube.ready("mars", "False")

    stalled = await kube.condition("mars", "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "InvalidSpec")
    assert stalled["message"].startswith("spec.timeZone: ")
    assert stalled["message"].endswith("; nothing runs until then")
    assert [each["reason"] for each in await _events(kube, "mars", "InvalidSpec")] == ["InvalidSpec"]

    await leader.resign()
    leader.lead()
    await kube.apply(manifest("after"))
    await kube.ready("after")
    await leader.settled()

    (event,) = await _events(kube, "mars", "InvalidSpec")
    assert (event["type"], event["count"]) == ("Warning", 1)
    assert "spec.timeZone" in event["message"]


async def test_an_edit_that_stalls_leaves_the_last_good_version_at_work_and_says_so(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("daily", schedule="0 3 * * *"))
    good = await kube.ready("daily")

    await kube.apply(manifest("daily", schedule="0 0 30 2 *"))

    stalled = await kube.ready("daily", "False")
    assert stalled["status"]["nextRunTime"] == good["status"]["nextRunTime"]
    assert "generation 1 goes on" in (await kube.condition("daily", "Ready"))["message"]

    await kube.apply(manifest("daily", schedule="0 4 * * *"))

    mended = await kube.ready("daily")
    assert mended["status"]["nextRunTime"] != good["status"]["nextRunTime"]
    assert (await kube.condition("daily", "Stalled"))["status"] == "False"


BAD_SPECS: list[tuple[Any, str]] = [
    (WORKS | {"schedule": "61 * * * *"}, "spec.schedule"),
    (WORKS | {"shedule": "@daily"}, "did you mean schedule?"),
    (WORKS | {"run": {}}, "spec.run"),
    ({"timeoutAfter": ["a", {"b": None}], "run": "later"}, "spec.timeoutAfter"),
    ({}, "spec.run"),
    (None, "spec: is required"),
]


async def test_what_got_past_the_definition_stalls_and_breaks_nothing(
    loose_crd: None, leader: Leader, kube: Kube
) -> None:
    for number, (spec, _) in enumerate(BAD_SPECS):
        bad = manifest(f"bad-{number}")
        bad["spec"] = spec
        if spec is None:
            del bad["spec"]
        await kube("create", "--validate=false", "-f", "-", text=json.dumps(bad))
    await kube.apply(manifest("good"))

    await kube.ready("good")
    for number, (_, field) in enumerate(BAD_SPECS):
        await kube.ready(f"bad-{number}", "False")
        stalled = await kube.condition(f"bad-{number}", "Stalled")
        assert stalled["status"] == "True"
        assert field in stalled["message"]
        assert len(await _events(kube, f"bad-{number}", "InvalidSpec")) == 1
        assert (await leader.recorded(f"bad-{number}")).spec is None


async def test_a_pool_that_does_not_admit_a_task_stalls_it_until_it_does(
    leader: Leader, kube: Kube, pools: SomePools
) -> None:
    pools.refusal = "there is no worker pool a/b; make one"
    await kube.apply(manifest("homeless", workerPool="a/b", run={"command": ["true"]}))

    await kube.ready("homeless", "False")
    stalled = await kube.condition("homeless", "Stalled")
    assert stalled["reason"] == "PoolRefused"
    assert stalled["message"].startswith("spec.workerPool: there is no worker pool a/b; make one")

    pools.change(None)

    await kube.ready("homeless")
    assert (await leader.recorded("homeless")).spec is not None

    pools.change("worker pool a/b does not take tasks of this namespace")

    await kube.ready("homeless", "False")


async def _events(kube: Kube, name: str, reason: str) -> list[dict[str, Any]]:
    """As soon as there is one."""

    async def look() -> list[dict[str, Any]]:
        return [each for each in await kube.events(name) if each["reason"] == reason]

    return await eventually(look, f"{name} has an Event {reason}")
