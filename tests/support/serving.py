"""Our own HTTP server in this process, on a free port of the loopback."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from nice_operator.web.server import RUNNER_OPTIONS, HttpRunner


class OwnServer(TestServer):
    """``TestServer`` with the runner that the product has."""

    async def _make_runner(self, **options: Any) -> web.AppRunner:
        options.pop("debug", None)
        return HttpRunner(self.app, **options)


async def serving(app: web.Application, **options: Any) -> OwnServer:
    """The started server. ``options`` go before those of the product."""
    server = OwnServer(app, host="127.0.0.1")
    await server.start_server(**(RUNNER_OPTIONS | options))
    return server
