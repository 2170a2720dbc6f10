"""The API server fails in every way that it can, and what people did meanwhile is found in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nice_operator.ports import KubeAccess
from tests.cluster.kubectl import Kubectl
from tests.support.kube_proxy import KubeProxy, kube_proxy
from tests.support.leader import Kube, Leader, a_leader, eventually, manifest


@pytest.fixture
def kube(kubectl: Kubectl, namespace: str, crds: list[Any]) -> Kube:
    return Kube(kubectl, namespace)


@pytest.fixture
async def proxy(kubectl: Kubectl, tmp_path: Path) -> AsyncIterator[KubeProxy]:
    async with kube_proxy(kubectl.kubeconfig, tmp_path) as made:
        yield made


@pytest.fixture
async def leader(proxy: KubeProxy, kube: Kube, tmp_path: Path) -> AsyncIterator[Leader]:
    """One that sees the API server through the proxy, and looks often."""
    access = KubeAccess(proxy.kubeconfig)
    path = tmp_path / "nice.db"
    async with a_leader(path, access, kube.namespace, inactivity=3, sweep_every=2) as made:
        made.lead()
        yield made


async def test_a_watch_that_stalls_is_opened_again_and_tells_what_it_kept(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    await kube.apply(manifest("before"))
    await kube.ready("before")
    await _watching(proxy)
    opened = proxy.watches_opened
    proxy.stalled = True
    await kube.apply(manifest("meanwhile"))

    async def opened_again() -> bool:
        return proxy.watches_opened > opened

    await eventually(opened_again, "the watch is opened again")
    proxy.stalled = False
    proxy.cut_watches()

    await leader.recorded("meanwhile")
    await kube.ready("meanwhile")


async def test_a_watch_that_stalls_for_ever_loses_nothing_because_the_sweep_looks(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    await kube.apply(manifest("edited"), manifest("deleted"))
    await kube.ready("edited")
    await leader.recorded("deleted")
    await _watching(proxy)
    proxy.stalled = True

    await kube("delete", "nicetask", "deleted")
    await kube("patch", "nicetask", "edited", "--type=merge", "-p", '{"spec": {"description": "new"}}')
    await kube.apply(manifest("new"))

    await leader.deleted("deleted")
    await leader.recorded("edited", 2)
    await leader.recorded("new")


async def test_a_deletion_in_the_gap_after_410_is_found_by_the_sweep(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    await kube.apply(manifest("gone"), manifest("stays"))
    await leader.recorded("gone")
    await leader.recorded("stays")
    await _watching(proxy)
    proxy.stalled = True
    await kube("delete", "nicetask", "gone")
    proxy.end_watches_with(410)
    proxy.stalled = False

    await leader.deleted("gone")
    assert await leader.task("stays") is not None


async def test_an_error_on_the_watch_ends_kopf_and_another_one_goes_on(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    await kube.apply(manifest("before"))
    await kube.ready("before")
    await _watching(proxy)
    opened = proxy.watches_opened

    proxy.end_watches_with(500)

    async def opened_again() -> bool:
        return proxy.watches_opened >= opened + 2  # the one with the error, and one of a new kopf

    await eventually(opened_again, "another kopf watches")
    await kube.apply(manifest("after"))
    await kube.ready("after")


async def test_tasks_fire_while_the_api_server_is_down_and_their_status_follows(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    await kube.apply(manifest("ticks", schedule="1 second", concurrencyPolicy="Allow"), manifest("gone"))
    await kube.ready("ticks")
    task = await leader.recorded("ticks")
    await leader.recorded("gone")
    proxy.down = True
    proxy.cut_watches()
    await kube("delete", "nicetask", "gone")
    before = len(await leader.harness.runs(task))

    await leader.harness.runs_when(task, before + 3)

    shown = (await kube.get("ticks"))["status"]["active"]
    proxy.down = False
    at_work = len(await leader.harness.runs(task))
    assert shown < at_work

    async def told() -> bool:
        return bool((await kube.get("ticks"))["status"]["active"] >= at_work)

    await eventually(told, "the status has caught up", 60)
    await leader.deleted("gone")


async def test_an_api_server_that_asks_for_patience_gets_it(
    leader: Leader, kube: Kube, proxy: KubeProxy
) -> None:
    proxy.refusing = "2"
    await kube.apply(*(manifest(f"many-{number}") for number in range(50)))
    await leader.recorded("many-49")

    async def refused() -> bool:
        return proxy.refused > 0

    await eventually(refused, "a status write was refused")
    await asyncio.sleep(1.5)  # shorter than what was asked for: nobody may try again
    # Those that were under way together were refused together; after that nobody came.
    assert proxy.refused <= 33
    proxy.refusing = None

    await kube.ready("many-0")
    await kube.ready("many-49")


async def _watching(proxy: KubeProxy) -> None:
    async def opened() -> bool:
        return proxy.watches_opened > 0

    await eventually(opened, "the watch is open")
