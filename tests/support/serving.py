"""Our own HTTP server in this process, on a free port of the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from nice_operator.web.server import RUNNER_OPTIONS, HttpRunner


class OwnServer(TestServer):
    """``TestServer`` with the runner that the product has."""

    async def _make_runner(self, **options: Any) -> web.AppRunner:
        options.pop("debug", None)
        # aiohttp's tests cancel the handler when its client goes, its servers do not: be the server.
        options.pop("handler_cancellation", None)
        return HttpRunner(self.app, **options)


async def serving(app: web.Application, **options: Any) -> OwnServer:
    """The started server. ``options`` go before those of the product."""
    server = OwnServer(app, host="127.0.0.1")
    await server.start_server(**(RUNNER_OPTIONS | options))
    return server


def connections() -> set[asyncio.Task[Any]]:
    """What serves the connections of all servers in this process, as the task of each."""
    return {task for task in asyncio.all_tasks() if "RequestHandler.start" in repr(task.get_coro())}


@asynccontextmanager
async def a_visit(within: float = 30.0) -> AsyncIterator[None]:
    """Ends when the servers are done with whoever came meanwhile. Fails when that takes longer."""
    before = connections()
    yield
    async with asyncio.timeout(within):
        while more := connections() - before:
            await asyncio.wait(more)
