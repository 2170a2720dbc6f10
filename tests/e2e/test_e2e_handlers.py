"""From kubectl to the database: what people do to NiceTasks on a real API server, and what becomes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nice_operator.domain.run import RunState, Trigger
from nice_operator.ports import KubeAccess
from tests.cluster import audit
from tests.cluster.kubectl import Kubectl
from tests.cluster.target import Provider, Target
from tests.support.leader import Kube, Leader, a_leader, eventually, manifest

REQUESTED = "nicecommander.dev/run-requested-at"
PAYLOAD = "nicecommander.dev/run-payload"


@pytest.fixture
def kube(kubectl: Kubectl, namespace: str, crds: list[Any]) -> Kube:
    return Kube(kubectl, namespace)


@pytest.fixture
def access(kubectl: Kubectl) -> KubeAccess:
    return KubeAccess(kubectl.kubeconfig, kubectl.context or None)


@pytest.fixture
async def leader(access: KubeAccess, kube: Kube, tmp_path: Path) -> AsyncIterator[Leader]:
    """One that leads."""
    async with a_leader(tmp_path / "nice.db", access, kube.namespace) as made:
        made.lead()
        yield made


def _later(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def test_what_is_applied_is_recorded_and_ready_and_an_edit_is_the_next_generation(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("hello", schedule="0 3 * * *", timeZone="Europe/Zurich"))

    await kube("wait", "--for=condition=Ready", "nicetask/hello", "--timeout=20s")

    shown, task = await kube.get("hello"), await leader.recorded("hello")
    assert task.uid == shown["metadata"]["uid"]
    assert task.origin == "kubernetes"
    assert task.manifest == shown["spec"]
    assert shown["status"]["nextRunTime"] == task.next_fire_at.strftime("%Y-%m-%dT%H:%M:%SZ")  # type: ignore[union-attr]
    assert shown["status"]["active"] == 0

    await kube("patch", "nicetask", "hello", "--type=merge", "-p", '{"spec": {"suspend": true}}')

    edited = await kube.ready("hello")
    assert edited["metadata"]["generation"] == 2
    assert (await leader.recorded("hello", 2)).next_fire_at is None
    assert "nextRunTime" not in edited["status"]
    assert (await kube.condition("hello", "Ready"))["reason"] == "Suspended"


async def test_a_new_task_costs_one_status_write_and_nothing_else_of_the_object_is_ours(
    leader: Leader, kube: Kube, target: Target
) -> None:
    await kube.apply(manifest("quiet"))
    await kube.ready("quiet")
    await kube("annotate", "nicetask", "quiet", "example.com/foreign=1")
    await kube("label", "nicetask", "quiet", "example.com/foreign=1")
    # A task that comes later is shown later: by then the foreign annotation has been handled.
    await kube.apply(manifest("after"))
    await kube.ready("after")
    await leader.settled()

    shown = await kube.get("quiet")

    assert "finalizers" not in shown["metadata"]
    assert set(shown["metadata"]["annotations"]) == {
        "example.com/foreign",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
    if target.provider is Provider.NATIVE:
        writes = [call for call in audit.calls(target.places, "*") if call.name == "quiet"]
        ours = [(call.verb, call.resource) for call in writes if call.namespace == kube.namespace]
        assert ours.count(("patch", "nicetasks/status")) == 1
        assert {place for place in ours if place[0] in ("patch", "update")} == {
            ("patch", "nicetasks/status"),  # ours
            ("patch", "nicetasks"),  # kubectl's annotate and label
        }


async def test_kubectl_diff_is_empty_after_a_task_has_run(leader: Leader, kube: Kube, tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text(json.dumps(manifest("steady", schedule="@hourly") | {}))
    await kube("apply", "-f", str(file))
    task = await leader.recorded("steady")
    run = await leader.harness.request(task)
    worker = await leader.harness.engine.runs.cancel(run.id, run.requester)
    assert worker.run.state is RunState.CANCELLED

    async def told() -> bool:
        return (await kube.get("steady"))["status"].get("lastResult") == "cancelled"

    await eventually(told, "the status tells of the run")

    assert (await kube.attempt("diff", "-f", str(file))).code == 0
    assert (await kube.get("steady"))["metadata"]["generation"] == 1


async def test_an_annotation_runs_a_task_once_with_its_payload(leader: Leader, kube: Kube) -> None:
    await kube.apply(manifest("hello"))
    await kube.ready("hello")
    value = _later()

    for _ in range(2):
        asked = [f"{REQUESTED}={value}", f'{PAYLOAD}={{"n": 7}}']
        await kube("annotate", "nicetask", "hello", "--overwrite", *asked)

    (run,) = await leader.harness.runs_when(await leader.recorded("hello"), 1)
    assert (run.requester.trigger, run.payload) == (Trigger.ANNOTATION, '{"n": 7}')

    async def told() -> bool:
        return (await kube.get("hello"))["status"]["active"] == 1

    await eventually(told, "the status counts the run")
    await leader.settled()
    assert len(await leader.harness.runs(await leader.recorded("hello"))) == 1


async def test_a_deletion_that_nobody_saw_is_found_at_the_next_term(leader: Leader, kube: Kube) -> None:
    await kube.apply(manifest("gone"), manifest("stays"))
    run = await leader.harness.request(await leader.recorded("gone"))
    await leader.recorded("stays")
    await leader.resign()
    await kube("delete", "nicetask", "gone")

    leader.lead()

    await leader.deleted("gone")
    assert await leader.task("stays") is not None
    assert (await leader.harness.engine.runs.get(run.id)).state is RunState.CANCELLED


async def test_a_hundred_times_deleted_and_made_again_it_is_the_last_one(leader: Leader, kube: Kube) -> None:
    text = json.dumps(manifest("phoenix"))
    await kube("create", "-f", "-", text=text)
    first = await leader.recorded("phoenix")
    run = await leader.harness.request(first)
    path = f"/apis/nicecommander.dev/v1beta1/namespaces/{kube.namespace}/nicetasks"
    api = leader.duty._objects._api  # type: ignore[attr-defined]

    for _ in range(100):
        await api.delete(f"{path}/phoenix")
        await api.create(path, manifest("phoenix"))

    last = (await kube.get("phoenix"))["metadata"]["uid"]

    async def known() -> bool:
        task = await leader.task("phoenix")
        return task is not None and task.uid == last

    await eventually(known, "the last one is recorded")
    await kube.ready("phoenix")
    await leader.settled()
    living = await leader.task("phoenix")
    assert living is not None
    assert living.uid == last
    assert await leader.harness.runs(living) == []
    assert [(each.id, each.state) for each in await leader.harness.runs(first)] == [
        (run.id, RunState.CANCELLED)
    ]


async def test_a_copy_runs_nothing_that_was_asked_for_or_due_before_it_was_made(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("asked"), manifest("once", runAt=_later(0.5)))
    await kube.ready("asked")
    await kube("annotate", "nicetask", "asked", f"{REQUESTED}={_later()}")
    assert len(await leader.harness.runs_when(await leader.recorded("asked"), 1)) == 1
    assert len(await leader.harness.runs_when(await leader.recorded("once"), 1)) == 1
    await asyncio.sleep(1)  # a copy of the very second would be asked for when it was made

    for name in ("asked", "once"):
        text = (await kube("get", "nicetask", name, "-o", "yaml")).replace(
            f"name: {name}", f"name: {name}-copy"
        )
        lines = [
            line for line in text.splitlines() if "last-applied" not in line and '{"apiVersion"' not in line
        ]
        await kube("apply", "-f", "-", text="\n".join(lines))

    asked, once = await leader.recorded("asked-copy"), await leader.recorded("once-copy")
    await kube.ready("asked-copy")
    await kube.ready("once-copy")
    assert await leader.harness.runs(asked) == []
    assert [run.state for run in await leader.harness.runs(once)] == [RunState.MISSED]
    assert (await kube.condition("once-copy", "Succeeded"))["reason"] == "BeforeCreation"


def _renamed(written: str, name: str) -> str:
    """What people do in an editor; they leave everything else as it is."""
    dropped = ("  resourceVersion:", "  uid:")
    kept = [line for line in written.splitlines() if not line.startswith(dropped)]
    return "\n".join(kept).replace(f"  name: {name}\n", f"  name: {name}-copy\n")


async def test_a_forced_replacement_is_a_new_task_that_runs_nothing(
    leader: Leader, kube: Kube, tmp_path: Path
) -> None:
    file = tmp_path / "task.json"
    file.write_text(json.dumps(manifest("replaced", annotations={REQUESTED: "2020-01-01T00:00:00Z"})))
    await kube("apply", "-f", str(file))
    old = await leader.recorded("replaced")

    await kube("replace", "--force", "-f", str(file))

    uid = (await kube.ready("replaced"))["metadata"]["uid"]
    new = await leader.recorded("replaced")
    assert new.uid == uid != old.uid
    assert await leader.harness.runs(new) == []


async def test_an_object_that_is_being_deleted_when_it_is_first_seen_never_fires(
    leader: Leader, kube: Kube
) -> None:
    await leader.resign()
    going = manifest("going", schedule="1 second")
    going["metadata"]["finalizers"] = ["example.com/held"]
    await kube("create", "-f", "-", text=json.dumps(going))
    await kube("delete", "nicetask", "going", "--wait=false")

    leader.lead()
    await kube.apply(manifest("after"))
    await kube.ready("after")

    assert await leader.task("going") is None
    await kube("patch", "nicetask", "going", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')


async def test_a_task_that_somebody_deletes_is_gone_although_something_holds_its_object(
    leader: Leader, kube: Kube
) -> None:
    held = manifest("held", schedule="1 second")
    held["metadata"]["finalizers"] = ["example.com/held"]
    await kube("create", "-f", "-", text=json.dumps(held))
    await leader.recorded("held")

    await kube("delete", "nicetask", "held", "--wait=false")

    await leader.deleted("held")
    await kube("patch", "nicetask", "held", "--type=merge", "-p", '{"metadata": {"finalizers": null}}')


async def test_a_name_that_is_taken_stalls_until_it_is_free(leader: Leader, kube: Kube) -> None:
    await kube.apply(manifest("first", taskName="JSON Logger"))
    await kube.ready("first")
    await kube.apply(manifest("second", taskName="JSON Logger"))

    await kube.ready("second", "False")
    stalled = await kube.condition("second", "Stalled")
    assert (stalled["status"], stalled["reason"]) == ("True", "NameRefused")
    assert "choose another spec.taskName" in stalled["message"]

    await kube("delete", "nicetask", "first")

    await kube.ready("second")
    task = await leader.recorded("second")
    assert task.spec is not None
    assert task.spec.task_name == "JSON Logger"


async def test_suspending_a_hundred_times_a_second_ends_with_the_last_word(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("nervous", schedule="@hourly"))
    await kube.ready("nervous")
    path = f"/apis/nicecommander.dev/v1beta1/namespaces/{kube.namespace}/nicetasks/nervous"
    api = leader.duty._objects._api  # type: ignore[attr-defined]

    for number in range(101):
        await api.merge(path, {"spec": {"suspend": number % 2 == 0}})

    assert (await kube.ready("nervous"))["metadata"]["generation"] == 102
    task = await leader.recorded("nervous", 102)
    assert task.spec is not None
    assert task.spec.suspend
    assert (await kube.condition("nervous", "Ready"))["reason"] == "Suspended"
