"""What is asked of the API server for a pool, and what its answers mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.obituaries import PodObituaries
from nice_operator.cluster.pool_deployment import Installation
from nice_operator.cluster.pools import KubePools
from nice_operator.domain.errors import Conflict, Forbidden, InvalidInput, Unavailable
from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.pool import Pool
from nice_operator.ports import Deployed, Holder, PoolCondition, PoolStatus
from tests.fakes.clock import FakeClock
from tests.support.scripted_kube import Answer, ScriptedKube, scripted_kube

POOL = Pool("nice", "default", "uid-1", 3)
INSTALLATION = Installation("nice", "ws://nice-commander.nice:9999", "runner:1")
DEPLOYMENT = "/apis/apps/v1/namespaces/nice/deployments/nice-pool-default"
STATUS = "/apis/nicecommander.dev/v1beta1/namespaces/nice/niceworkerpools/default"
OWNER = {"uid": "uid-1", "kind": "NiceWorkerPool", "name": "default"}


class Kube:
    """The API server's answers by path."""

    def __init__(self, kube: ScriptedKube, client: KubeApi) -> None:
        self.kube = kube
        self.client = client
        self.pools = KubePools(client, INSTALLATION)
        self.answers: dict[str, Answer] = {}
        kube.script = lambda asked: self.answers.get(asked.path)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Kube]:
    async with scripted_kube(tmp_path) as (kube, client):
        yield Kube(kube, client)


def a_deployment(*owners: dict[str, str], **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"generation": 2, "ownerReferences": list(owners or [OWNER])},
        "spec": {"replicas": 3},
        "status": {
            "observedGeneration": 2,
            "replicas": 3,
            "updatedReplicas": 3,
            "readyReplicas": 2,
            **status,
        },
    }


async def test_a_deployment_is_read(api: Kube) -> None:
    assert await api.pools.read(POOL) is None

    api.answers[DEPLOYMENT] = (200, a_deployment())
    assert await api.pools.read(POOL) == Deployed(3, 2, rolling=False)

    api.answers[DEPLOYMENT] = (200, a_deployment(updatedReplicas=1))
    assert await api.pools.read(POOL) == Deployed(3, 2, rolling=True)

    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    api.answers[DEPLOYMENT] = (200, a_deployment(observedGeneration=1, conditions=[failure]))
    assert await api.pools.read(POOL) == Deployed(3, 2, rolling=True, failure="exceeded quota")


async def test_somebody_elses_deployment_of_that_name_is_never_taken_over(api: Kube) -> None:
    api.answers[DEPLOYMENT] = (200, a_deployment({"uid": "x", "kind": "ReplicaSet", "name": "y"}))

    with pytest.raises(Conflict, match="is not this pool's; remove it"):
        await api.pools.read(POOL)


async def test_the_deployment_of_an_earlier_pool_of_that_name_is_waited_for(api: Kube) -> None:
    api.answers[DEPLOYMENT] = (200, a_deployment({**OWNER, "uid": "uid-0"}))

    with pytest.raises(Unavailable, match="about to go"):
        await api.pools.read(POOL)


async def test_a_deployment_is_applied_strictly_and_as_one(api: Kube) -> None:
    api.answers[DEPLOYMENT] = (200, {})

    await api.pools.apply(POOL, 4)

    asked = api.kube.of("PATCH")[0]
    assert asked.query == {"fieldManager": "nice-commander", "force": "true", "fieldValidation": "Strict"}
    assert asked.body["spec"]["replicas"] == 4


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (403, Forbidden, "add it to the namespaces of pools"),
        (422, InvalidInput, "correct spec.template"),
        (400, InvalidInput, "not declared in schema"),
        (500, InvalidInput, "not declared in schema"),
    ],
)
async def test_a_refusal_is_told_in_words_for_the_status(
    api: Kube, status: int, error: type[Exception], says: str
) -> None:
    said = "failed to create typed patch object (…): .spec.template.spec.hostnetwork: not declared in schema"
    api.answers[DEPLOYMENT] = (status, {"message": said})

    with pytest.raises(error, match=says):
        await api.pools.apply(POOL, 1)


async def test_an_api_server_in_trouble_is_no_mistake_of_the_template(api: Kube) -> None:
    api.answers[DEPLOYMENT] = (500, {"message": "etcd: leader changed"})

    with pytest.raises(Unavailable, match="leader changed"):
        await api.pools.apply(POOL, 1)


async def test_pods_are_found_by_the_pools_own_labels(api: Kube) -> None:
    pod = {"metadata": {"name": "p"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    api.answers["/api/v1/namespaces/nice/pods"] = (200, {"items": [pod]})

    pods = await api.pools.pods(POOL)

    assert [(each.name, each.ready) for each in pods] == [("p", True)]
    selector = api.kube.of("GET")[0].query["labelSelector"]
    assert selector == "app.kubernetes.io/managed-by=nice-commander,nicecommander.dev/pool=default"


def a_status(ready: bool = True, workers: int = 1) -> PoolStatus:
    return PoolStatus(
        3, workers, 0, 0, (PoolCondition("Ready", ready, "Connected", "workers are connected"),)
    )


async def test_a_condition_keeps_the_time_of_its_last_change_across_leaders(api: Kube) -> None:
    old = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    api.answers[STATUS] = (200, {"status": {"conditions": [old]}})
    api.answers[f"{STATUS}/status"] = (200, {})

    await api.pools.report(POOL, a_status(workers=2))
    await api.pools.report(POOL, a_status(ready=False))
    await api.pools.report(POOL, a_status(ready=False))

    written = [each.body["status"] for each in api.kube.of("PATCH", "/status")]
    times = [status["conditions"][0]["lastTransitionTime"] for status in written]
    assert times[0] == "2026-01-01T00:00:00Z"
    assert times[1] == times[2] != times[0]
    assert written[0]["workers"] == 2
    assert written[0]["observedGeneration"] == 3
    assert len(api.kube.of("GET")) == 1


async def test_the_status_of_a_pool_that_is_gone_is_nobodys_trouble(api: Kube) -> None:
    await api.pools.report(POOL, a_status())

    api.answers[STATUS] = (200, {})
    api.answers[f"{STATUS}/status"] = (409, {"message": "the uid differs"})
    await api.pools.report(POOL, a_status())


async def test_the_pods_of_lost_workers_tell_what_they_know(api: Kube) -> None:
    sessions = [SessionId(uuid7()) for _ in range(3)]
    evicted = {"metadata": {"name": "a"}, "status": {"phase": "Failed", "reason": "Evicted"}}
    api.answers["/api/v1/namespaces/nice/pods/a"] = (200, evicted)
    api.answers["/api/v1/namespaces/nice/pods/c"] = (503, {"message": "no"})
    holders = [Holder(s, name, "nice/default") for s, name in zip(sessions, "abc", strict=True)]
    local = Holder(SessionId(uuid7()), "w", "default")

    told = await PodObituaries(api.client, FakeClock()).of([*holders, local])

    assert told == {
        sessions[0]: "its pod a has failed (Evicted)",
        sessions[1]: "its pod b is gone",
    }


async def test_a_container_that_ended_before_the_attempt_began_is_not_its_reason(api: Kube) -> None:
    session, clock, path = SessionId(uuid7()), FakeClock(), "/api/v1/namespaces/nice/pods/a"
    now = datetime.now(UTC)
    before, lately = now - timedelta(seconds=50), now - timedelta(seconds=1)
    api.answers[path] = (200, a_pod(ended("supervisor", before)))
    both = a_pod(ended("supervisor", before), ended("runner", lately))
    clock.on_sleep = lambda _: api.answers.update({path: (200, both)})
    holder = Holder(session, "a", "nice/default", since=now - timedelta(seconds=30))

    told = await PodObituaries(api.client, clock).of([holder])

    assert told[session] == "its container runner ended with exit code 137 (Error)"


def a_pod(*containers: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "a"}, "status": {"containerStatuses": list(containers)}}


def ended(name: str, at: datetime) -> dict[str, Any]:
    end = {"finishedAt": at.isoformat(), "exitCode": 137, "reason": "Error"}
    return {"name": name, "lastState": {"terminated": end}}


async def test_a_pod_that_tells_nothing_yet_is_asked_again(api: Kube) -> None:
    session, clock = SessionId(uuid7()), FakeClock()
    evicted = {"metadata": {"name": "a"}, "status": {"phase": "Failed", "reason": "Evicted"}}
    api.answers["/api/v1/namespaces/nice/pods/a"] = (200, {"metadata": {"name": "a"}})
    clock.on_sleep = lambda _: api.answers.update({"/api/v1/namespaces/nice/pods/a": (200, evicted)})

    told = await PodObituaries(api.client, clock).of([Holder(session, "a", "nice/default")])

    assert told[session] == "its pod a has failed (Evicted)"
