"""One call to the API server, without the start of a kubectl in what is measured."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.cluster.stage import Stage
from nice_operator.cluster.api import KubeApi
from nice_operator.ports import KubeAccess


def talk(stage: Stage, work: Callable[[KubeApi], Awaitable[object]]) -> None:
    """Connect, do it, close. The connection is some milliseconds of what is measured."""

    async def once() -> None:
        api = await KubeApi.connect(KubeAccess(stage.kubectl.kubeconfig), user_agent="nice-bench")
        try:
            await work(api)
        finally:
            await api.close()

    asyncio.run(once())
