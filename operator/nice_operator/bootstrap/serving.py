"""An application on its sockets, for as long as a context lasts."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from nice_operator.web.server import RUNNER_OPTIONS, HttpRunner

SHUTDOWN_SECONDS = 2.0


@asynccontextmanager
async def serving(
    app: web.Application, listeners: Sequence[socket.socket], tls: ssl.SSLContext | None = None
) -> AsyncIterator[None]:
    """Serve until the context ends; connections then have two seconds to end. ``tls``: HTTPS alone."""
    runner = HttpRunner(app, handle_signals=False, **RUNNER_OPTIONS, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        for listener in listeners:
            await web.SockSite(runner, listener, ssl_context=tls).start()
        yield
    finally:
        await runner.cleanup()
