"""Ten thousand NiceTasks, made as fast as the API server takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.cluster.stage import NAMESPACE, Stage, external
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.objects import tasks_path
from nice_operator.ports import KubeAccess

COUNT = 10_000
CLIENTS = 24


def name_of(number: int) -> str:
    """What the task is called."""
    return f"many-{number:05d}"


def create(stage: Stage) -> None:
    """External tasks that are due once a year."""

    async def one(api: KubeApi, number: int) -> None:
        await api.create(tasks_path(NAMESPACE), external(name_of(number), schedule="H H 29 2 *"))

    asyncio.run(_each(stage, one))


async def _each(stage: Stage, work: Callable[[KubeApi, int], Any]) -> None:
    api = await KubeApi.connect(KubeAccess(stage.kubectl.kubeconfig), user_agent="nice-bench")
    numbers = iter(range(COUNT))

    async def client(numbers: Iterator[int]) -> None:
        for number in numbers:
            await work(api, number)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(CLIENTS):
                group.create_task(client(numbers))
    finally:
        await api.close()
