"""Pools over HTTP: what the database, the workers, the cluster and the leader know of each, in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.pool import Pool
from nice_operator.engine.pool_overview import PATIENCE
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import Deployed, PodFact, PoolCondition, PoolStatus
from nice_operator.web.options import WebOptions
from nice_protocol.messages import Assign
from tests.support.api import ApiServer, api_server

QUOTA = "Kubernetes makes no pods: exceeded quota: small"


class Deployments:
    """``ports.PoolCluster``, of which only the reading is asked."""

    def __init__(self) -> None:
        self.found: dict[str, Deployed | Exception] = {}
        self.reads = 0
        self.hangs = False
        self.hanging = self.most_hanging = 0

    async def read(self, pool: Pool) -> Deployed | None:
        self.reads += 1
        if self.hangs:
            await self._hang()
        await asyncio.sleep(0)
        found = self.found.get(pool.name)
        if isinstance(found, Exception):
            raise found
        return found

    async def _hang(self) -> None:
        self.hanging += 1
        self.most_hanging = max(self.hanging, self.most_hanging)
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging -= 1

    async def apply(self, pool: Pool, replicas: int) -> None:
        raise AssertionError("whoever looks changes nothing")

    async def pods(self, pool: Pool) -> Sequence[PodFact]:
        raise AssertionError("pods are the leader's to look at")

    async def report(self, pool: Pool, status: PoolStatus) -> None:
        raise AssertionError("whoever looks changes nothing")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[ApiServer]:
    """A replica in namespace ``nice`` that knows three pools."""
    settings = EngineSettings(release_namespace="nice", poll=0.2)
    async with api_server(tmp_path, WebOptions(namespace="nice"), settings) as server:
        server.engine.pools.replace(
            [
                Pool("nice", "default", "u1", 3, min=1, max=4, slots=2, allowed_namespaces=frozenset("*")),
                Pool("team", "gpu", "u2", 1, min=0, labels={"gpu": "yes"}),
                Pool("team", "odd", "u3", 1, stalled="spec.template: hostNetwork is refused"),
            ]
        )
        yield server


@pytest.fixture
def cluster(api: ApiServer) -> Deployments:
    found = Deployments()
    api.engine.pool_overview.cluster = found
    return found


async def pools(api: ApiServer) -> dict[str, dict[str, Any]]:
    answer = await api.get("/api/v1/pools")
    assert answer.status == 200, await answer.text()
    return {f"{pool['namespace']}/{pool['name']}": pool for pool in (await answer.json())["pools"]}


async def test_a_pool_tells_its_workers_slots_queue_and_pods(api: ApiServer, cluster: Deployments) -> None:
    cluster.found["default"] = Deployed(2, 1, rolling=True)
    api.engine.pool_overview.said(
        {"nice/default": [PoolCondition("Ready", True, "Connected", "workers are connected")]}
    )
    busy = await api.worker("pod-1", pool="nice/default", slots=2)
    await busy.credit(1)
    await api.define("job", "nice")
    for _ in range(3):
        await api.post("/api/v1/tasks/nice/job/runs", json={})
    await busy.begin(await busy.expect(Assign))

    found = (await pools(api))["nice/default"]

    assert {key: found[key] for key in ("workers", "draining", "slots", "busySlots", "queued")} == {
        "workers": 1, "draining": 0, "slots": 2, "busySlots": 1, "queued": 2,
    }  # fmt: skip
    assert found["oldestWaitSeconds"] >= 0
    assert found["deployment"] == {"replicas": 2, "ready": 1, "rolling": True, "failure": None}
    assert found["conditions"][0]["reason"] == "Connected"
    assert found["trouble"] is None
    assert found["spec"]["replicas"] == {"min": 1, "max": 4}
    assert found["spec"]["allowedNamespaces"] == ["*"]


async def test_what_is_wrong_is_told_in_the_words_of_whoever_found_it(
    api: ApiServer, cluster: Deployments
) -> None:
    cluster.found["default"] = Deployed(1, 0, rolling=False, failure="exceeded quota: small")
    cluster.found["gpu"] = Unavailable("the API server does not answer")

    found = await pools(api)
    assert found["nice/default"]["trouble"] == QUOTA
    assert found["team/gpu"]["trouble"] == "the API server does not answer"
    assert found["team/odd"]["trouble"] == "spec.template: hostNetwork is refused"

    # What the leader says names the remedy, so it comes before what any replica sees.
    api.engine.pool_overview.said(
        {"nice/default": [PoolCondition("Stalled", True, "PodsRefused", "ask for a larger quota")]}
    )
    assert (await pools(api))["nice/default"]["trouble"] == "ask for a larger quota"


async def test_a_cluster_that_does_not_answer_keeps_nobody_waiting_long(
    api: ApiServer, cluster: Deployments
) -> None:
    cluster.hangs = True

    found = await pools(api)

    assert (cluster.most_hanging, cluster.hanging) == (3, 0), "all are asked at once, and none for ever"
    assert f"does not answer within {PATIENCE:g} s" in found["nice/default"]["trouble"]
    assert found["nice/default"]["queued"] == 0


async def test_one_pool_is_found_by_its_name_with_its_workers(api: ApiServer, cluster: Deployments) -> None:
    await api.worker("pod-1", pool="team/gpu", slots=3)

    found = await (await api.get("/api/v1/pools/team/gpu")).json()
    missing = await api.get("/api/v1/pools/team/cpu")

    assert [worker["name"] for worker in found["connected"]] == ["pod-1"]
    assert found["spec"]["labels"] == {"gpu": "yes"}
    assert missing.status == 404
    assert "team/gpu" in (await missing.json())["nearest"]


async def test_however_many_look_the_cluster_is_asked_once(api: ApiServer, cluster: Deployments) -> None:
    await asyncio.gather(*(pools(api) for _ in range(5)))

    assert cluster.reads == 3, "one question for each pool"


async def test_the_page_tells_the_same_and_escapes_it(api: ApiServer, cluster: Deployments) -> None:
    cluster.found["default"] = Deployed(2, 1, rolling=True)
    api.engine.pool_overview.said(
        {"team/gpu": [PoolCondition("Stalled", True, "NotDeployed", "<b>no such class</b>")]}
    )

    page = await (await api.get("/ui/pools", headers={"Accept": "text/html"})).text()

    assert "nice/default" in page
    assert "1 of 2 ready" in page
    assert "&lt;b&gt;no such class&lt;/b&gt;" in page
    assert "hostNetwork is refused" in page


async def test_what_the_leader_says_wakes_whoever_looks(api: ApiServer) -> None:
    async with api.engine.wakeups.subscribe("workers") as changed:
        api.engine.pool_overview.said({"team/gpu": [PoolCondition("Ready", False, "Starting", "soon")]})
        assert await changed.wait(10)
        api.engine.pool_overview.said({"team/gpu": [PoolCondition("Ready", False, "Starting", "soon")]})
        assert not await changed.wait(0.2), "nothing is new"


async def test_a_server_without_a_cluster_has_one_pool_of_its_local_workers(tmp_path: Path) -> None:
    async with api_server(tmp_path) as local:
        await local.define("job")
        await local.run("job")
        waiting = (await pools(local))["default/default"]
        await local.worker("local", slots=8)
        working = (await pools(local))["default/default"]

    assert (waiting["queued"], waiting["trouble"]) == (1, "runs wait, and no worker is connected")
    assert (working["slots"], working["trouble"], working["spec"]) == (8, None, None)
