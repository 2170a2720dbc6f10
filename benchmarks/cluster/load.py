"""Many NiceTasks, made as fast as the API server takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.cluster.stage import NAMESPACE, Stage, external
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.objects import tasks_path
from nice_operator.ports import KubeAccess

CLIENTS = 24


def create(stage: Stage, prefix: str) -> None:
    """External tasks that are due once a year."""

    async def one(api: KubeApi, number: int) -> None:
        await api.create(tasks_path(NAMESPACE), external(f"{prefix}{number:05d}", schedule="H H 29 2 *"))

    asyncio.run(_each(stage, one))


async def _each(stage: Stage, work: Callable[[KubeApi, int], Any]) -> None:
    api = await KubeApi.connect(KubeAccess(stage.kubectl.kubeconfig), user_agent="nice-bench")
    numbers = iter(range(stage.tasks))

    async def client(numbers: Iterator[int]) -> None:
        for number in numbers:
            await work(api, number)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client(numbers))
    finally:
        await api.close()
