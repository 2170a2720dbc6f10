"""What the status and the Events of a NiceTask tell about its runs, on a real API server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nice_operator.cluster.objects import tasks_path
from nice_operator.ports import KubeAccess
from nice_protocol.messages import Assign, Finish
from tests.cluster.harm import Harm
from tests.cluster.kubectl import Kubectl
from tests.fakes.worker import finish_of
from tests.support.leader import Kube, Leader, a_leader, eventually, manifest

MANY = 2_000


@pytest.fixture
def kube(kubectl: Kubectl, namespace: str, crds: list[Any]) -> Kube:
    return Kube(kubectl, namespace)


@pytest.fixture
async def leader(kubectl: Kubectl, kube: Kube, tmp_path: Path) -> AsyncIterator[Leader]:
    """One that leads."""
    access = KubeAccess(kubectl.kubeconfig, kubectl.context or None)
    async with a_leader(tmp_path / "nice.db", access, kube.namespace) as made:
        made.lead()
        yield made


async def test_runs_show_in_the_status_and_a_failed_one_never_flips_ready(leader: Leader, kube: Kube) -> None:
    def behave(run: Assign) -> Finish:
        if run.payload == "1":
            return finish_of(run, "failed", reason="ExitCode", message="it exited with code 3", exit_code=3)
        return finish_of(run)

    await kube.apply(manifest("works", run={"command": ["true"]}))
    task = await leader.recorded("works")
    worker = await leader.harness.worker()
    worker.serve(behave)

    failed = await leader.harness.request(task, "1")
    await leader.harness.ended(failed.id)

    shown = await _result(kube, "works", "failed")
    assert (await kube.condition("works", "Ready"))["status"] == "True"
    last = await kube.condition("works", "LastRunSucceeded")
    assert (last["status"], last["reason"]) == ("False", "ExitCode")
    assert "it exited with code 3" in last["message"]
    assert [(run["id"], run["state"], run["exitCode"]) for run in shown["lastRuns"]] == [
        (str(failed.id), "failed", 3)
    ]
    assert "lastSuccessfulTime" not in shown

    well = await leader.harness.request(task, "2")
    await leader.harness.ended(well.id)

    shown = await _result(kube, "works", "succeeded")
    assert (await kube.condition("works", "LastRunSucceeded"))["status"] == "True"
    assert [run["state"] for run in shown["lastRuns"]] == ["succeeded", "failed"]
    assert shown["lastSuccessfulTime"] == shown["lastRuns"][0]["endTime"]
    assert (await kube.get("works"))["metadata"]["generation"] == 1

    async def told() -> bool:
        reasons = [event["reason"] for event in await kube.events("works")]
        return sorted(reasons) == ["Accepted", "RunFailed", "RunSucceeded"]

    await eventually(told, "the Events tell the story")
    columns = (await kube("get", "nicetask", "works")).splitlines()[1].split()
    assert "succeeded" in columns


async def test_a_task_that_fails_every_second_is_one_event_and_a_few_writes(
    leader: Leader, kube: Kube
) -> None:
    await kube.apply(manifest("fails", schedule="1 second", run={"command": ["false"]}))
    task = await leader.recorded("fails")
    worker = await leader.harness.worker()
    worker.serve(lambda run: finish_of(run, "failed", reason="ExitCode", exit_code=1))
    written = leader.writer.written

    await leader.harness.runs_when(task, 10)
    ended = time.monotonic()

    async def counted() -> bool:
        events = [event for event in await kube.events("fails") if event["reason"] == "RunFailed"]
        assert len(events) <= 1
        return bool(events and events[0]["count"] >= 5)

    await eventually(counted, "the Event counts", 40)
    # One a second at most, and less and less often; without that it would be three for each run.
    assert leader.writer.written - written <= 10 + (time.monotonic() - ended) / 2


async def test_a_status_that_somebody_else_wrote_is_put_right(leader: Leader, kube: Kube) -> None:
    await kube.apply(manifest("vandalised"))
    right = (await kube.ready("vandalised"))["status"]
    wrong = '{"status": {"active": 99, "lastResult": "succeeded", "conditions": []}}'

    await kube("patch", "nicetask", "vandalised", "--subresource=status", "--type=merge", "-p", wrong)

    async def mended() -> bool:
        status = (await kube.get("vandalised"))["status"]
        return bool(status["active"] == 0 and status["conditions"])

    await eventually(mended, "the status is right again")
    again = (await kube.get("vandalised"))["status"]
    assert again["observedGeneration"] == right["observedGeneration"]


async def test_statuses_are_right_after_the_api_server_was_killed_and_started(
    leader: Leader, kube: Kube, harm: Harm
) -> None:
    await kube.apply(manifest("ticks", schedule="1 second", run={"command": ["true"]}))
    await kube.ready("ticks")
    task = await leader.recorded("ticks")
    worker = await leader.harness.worker()
    worker.serve()
    harm.kill("kube-apiserver")
    at_kill = len(await leader.harness.runs(task))
    await leader.harness.runs_when(task, at_kill + 5)  # the schedule goes on meanwhile
    harm.start("kube-apiserver")
    restarted = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async def caught_up() -> bool:
        answer = await kube.attempt("get", "nicetask", "ticks", "-o", "jsonpath={.status.lastSuccessfulTime}")
        return answer.code == 0 and answer.output > restarted

    await eventually(caught_up, "the status tells of runs after the restart", 150)
    await kube.apply(manifest("after"))
    await kube.ready("after")


@pytest.mark.timeout(280)
async def test_thousands_of_tasks_are_recorded_and_shown_without_a_storm(leader: Leader, kube: Kube) -> None:
    await leader.resign()
    api = leader.duty._objects._api  # type: ignore[attr-defined]
    for first in range(0, MANY, 50):
        await _all(api.create(tasks_path(kube.namespace), _numbered(n)) for n in range(first, first + 50))
    began = time.monotonic()

    leader.lead()

    async def recorded() -> bool:
        return len(leader.writer.book) >= MANY

    await eventually(recorded, "all are recorded", 120)
    in_database = time.monotonic() - began

    async def shown() -> bool:
        return leader.writer.written >= MANY and leader.writer.book.waiting == 0

    await eventually(shown, "all are shown", 120)
    in_status = time.monotonic() - began
    print(f"\n{MANY} NiceTasks: in the database after {in_database:.1f} s, shown after {in_status:.1f} s")
    assert len(await leader.harness.engine.tasks.known()) == MANY
    ready = await kube("get", "nicetasks", "-o", "jsonpath={.items[*].status.conditions[0].status}")
    assert ready.split() == ["True"] * MANY
    assert leader.writer.written == MANY


def _numbered(number: int) -> dict[str, Any]:
    return manifest(f"task-{number:05d}", schedule="H H 29 2 *")


async def _all(calls: Any) -> None:
    await asyncio.gather(*calls)


async def _result(kube: Kube, name: str, result: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        status: dict[str, Any] = (await kube.get(name)).get("status", {})
        return status if status.get("lastResult") == result and status["active"] == 0 else None

    return await eventually(look, f"{name} tells {result}")
