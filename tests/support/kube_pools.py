"""The pools' part of the operator in the test's own process, on a real API server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.pool_deployment import Installation
from nice_operator.cluster.pool_source import PoolSource
from nice_operator.cluster.pools import KubePools
from nice_operator.engine.pool_keeper import PoolKeeper
from nice_operator.engine.pools import PoolRegistry
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import KubeAccess, PoolStore, Term
from tests.cluster.kubectl import Kubectl

DEADLINE = float(os.environ.get("NICE_TEST_PATIENCE", "60"))


class RealClock:
    """``ports.Clock``."""

    def monotonic(self) -> float:
        """Seconds."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def access_of(kubectl: Kubectl) -> KubeAccess:
    """The same cluster and identity as kubectl's."""
    return KubeAccess(kubeconfig=kubectl.kubeconfig, context=kubectl.context or None)


@dataclass
class PoolOperator:
    """What runs, and words for looking at what it did in ``namespace``."""

    kubectl: Kubectl
    namespace: str
    api: KubeApi
    registry: PoolRegistry
    keeper: PoolKeeper

    async def apply(self, name: str, **spec: Any) -> None:
        """kubectl apply a pool."""
        metadata = {"namespace": self.namespace, "name": name}
        kind = {"apiVersion": "nicecommander.dev/v1beta1", "kind": "NiceWorkerPool"}
        await asyncio.to_thread(self.kubectl.apply, {**kind, "metadata": metadata, "spec": spec})

    async def get(self, *what: str) -> dict[str, Any]:
        """kubectl get in the namespace, as JSON."""
        return await asyncio.to_thread(self.kubectl.get, *what, "-n", self.namespace)

    async def pool(self, name: str) -> dict[str, Any]:
        """The NiceWorkerPool as it is."""
        return await self.get("niceworkerpool", name)

    async def condition(self, name: str, kind: str) -> dict[str, Any]:
        """A condition of its status; {} before there is one."""
        conditions = (await self.pool(name)).get("status", {}).get("conditions", ())
        return next((each for each in conditions if each["type"] == kind), {})

    async def until(self, what: Callable[[], Awaitable[Any]], seconds: float = DEADLINE) -> Any:
        """Look until it is true; its value. An object that is not there yet counts as not true."""
        last: BaseException | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    try:
                        if found := await what():
                            return found
                    except Exception as error:
                        last = error
                    await asyncio.sleep(0.3)
        raise AssertionError(f"not within {seconds} s") from last


@asynccontextmanager
async def pool_operator(
    kubectl: Kubectl, namespace: str, installation: Installation, store: PoolStore
) -> AsyncIterator[PoolOperator]:
    """Source and keeper for one namespace, until the end."""
    clock, registry = RealClock(), PoolRegistry(installation.namespace)
    api = await KubeApi.connect(access_of(kubectl))
    source = PoolSource(api, registry, clock, [namespace])
    keeper = PoolKeeper(registry, store, KubePools(api, installation), LocalWakeups(), clock)
    tasks = [
        asyncio.create_task(source.run(lambda: None)),
        asyncio.create_task(keeper.lead(Term(1, "test"))),
    ]
    try:
        yield PoolOperator(kubectl, namespace, api, registry, keeper)
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await api.close()


def installation_for(namespace: str, images: str = "localhost/nice-commander") -> Installation:
    """A release in that namespace, with the images of the tests."""
    return Installation(namespace, f"ws://nice-commander.{namespace}:9999", f"{images}/runner:test")
