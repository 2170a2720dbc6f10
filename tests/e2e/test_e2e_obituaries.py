"""What real pods tell of the ends of their workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.obituaries import PodObituaries
from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.ports import Holder
from tests.cluster.kubectl import Kubectl
from tests.support.kube_pools import RealClock, access_of
from tests.support.pods import pod

EAT = "import time; time.sleep(1); eaten = [bytearray(10_000_000) for _ in range(40)]; time.sleep(600)"
FAILS = "raise SystemExit(3)"
ENDED = "--for=jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"


@dataclass
class Graveyard:
    """Pods that end, and what is told of them."""

    kubectl: Kubectl
    namespace: str
    image: str
    obituaries: PodObituaries

    async def run(self, script: str, memory: str = "64Mi") -> None:
        """A pod called w whose container runs it to its end."""
        made = pod(self.namespace, "w", self.image, ["python3", "-c", script])
        made["spec"]["containers"][0]["resources"] = {"limits": {"memory": memory}}
        await asyncio.to_thread(self.kubectl.apply, made)

    async def until_ended(self) -> None:
        """Wait until the kubelet has said so."""
        words = ["wait", ENDED, "pod/w", "-n", self.namespace, "--timeout=60s"]
        await asyncio.to_thread(lambda: self.kubectl(*words, seconds=90))

    async def told(self) -> str:
        """The obituary of worker w."""
        holder = Holder(SessionId(uuid7()), "w", f"{self.namespace}/heavy")
        return (await self.obituaries.of([holder])).get(holder.session, "")


@pytest.fixture
async def graveyard(kubectl: Kubectl, namespace: str, images: str) -> AsyncIterator[Graveyard]:
    api = await KubeApi.connect(access_of(kubectl))
    try:
        yield Graveyard(kubectl, namespace, f"{images}/runner:test", PodObituaries(api, RealClock()))
    finally:
        await api.close()


async def test_a_container_that_the_kernel_killed_for_memory_says_so(graveyard: Graveyard) -> None:
    await graveyard.run(EAT)
    await graveyard.until_ended()

    assert (
        "used more memory than its limit (OOMKilled); raise resources.limits.memory" in await graveyard.told()
    )


async def test_a_container_that_failed_tells_its_exit_code(graveyard: Graveyard) -> None:
    await graveyard.run(FAILS)
    await graveyard.until_ended()

    assert "its container main ended with exit code 3 (Error)" in await graveyard.told()


async def test_a_worker_whose_pod_was_taken_away_is_told_to_be_gone(graveyard: Graveyard) -> None:
    await graveyard.run("import time; time.sleep(600)")
    delete = ["delete", "pod", "w", "-n", graveyard.namespace, "--grace-period=0", "--force"]
    await asyncio.to_thread(graveyard.kubectl, *delete)

    assert await graveyard.told() == "its pod w is gone"


async def test_a_pod_that_works_tells_nothing(graveyard: Graveyard) -> None:
    await graveyard.run("import time; time.sleep(600)")
    words = ["wait", "--for=condition=Ready", "pod/w", "-n", graveyard.namespace, "--timeout=60s"]
    await asyncio.to_thread(lambda: graveyard.kubectl(*words, seconds=90))

    assert await graveyard.told() == ""
