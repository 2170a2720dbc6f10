"""Many NiceTasks, made as fast as the API server takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.cluster.stage import NAMESPACE, Stage, external
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.objects import tasks_path
from nice_operator.ports import KubeAccess
from tests.support.release import condition

CLIENTS = 24


def create(stage: Stage, prefix: str) -> None:
    """External tasks that are due once a year."""

    async def one(api: KubeApi, number: int) -> None:
        await api.create(tasks_path(NAMESPACE), external(f"{prefix}{number:05d}", schedule="H H 29 2 *"))

    asyncio.run(_each(stage, one))


def ready(stage: Stage, prefix: str) -> int:
    """How many of them say that they are Ready, about the spec that they have."""

    async def count() -> int:
        api = await KubeApi.connect(KubeAccess(stage.kubectl.kubeconfig), user_agent="nice-bench")
        try:
            pages = [page async for page in api.pages(tasks_path(NAMESPACE))]
        finally:
            await api.close()
        return sum(is_ready(each) for page in pages for each in page if _is_one(each, prefix))

    return asyncio.run(count())


def is_ready(task: dict[str, Any]) -> bool:
    """Whether its status is about its present spec, and its condition Ready is True."""
    current = task["status"].get("observedGeneration") == task["metadata"]["generation"]
    return current and condition(task, "Ready") == "True"


def _is_one(task: dict[str, Any], prefix: str) -> bool:
    name: str = task["metadata"]["name"]
    return name.startswith(prefix)


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
