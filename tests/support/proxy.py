"""A reverse proxy as people put before us: it serves us at a path, and says who its visitors are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

NOT_PASSED_ON = frozenset({"transfer-encoding", "content-length", "connection", "content-encoding"})


@asynccontextmanager
async def reverse_proxy(
    upstream: str, path: str, *, cut: bool, user: Mapping[str, str] | None = None
) -> AsyncIterator[TestClient[Any, Any]]:
    """A client of a proxy that serves ``upstream`` at ``path``. ``cut``: the path is taken off on the way.

    The visitor's ``user`` headers are replaced by the proxy's own; Host is passed on as it came.
    """
    async with ClientSession(auto_decompress=False) as session:

        async def forward(request: web.Request) -> web.StreamResponse:
            target = upstream + (request.rel_url.raw_path.removeprefix(path) if cut else request.raw_path)
            headers = {k: v for k, v in request.headers.items() if k.lower() not in NOT_PASSED_ON}
            headers |= dict(user or {})
            body = await request.read()
            async with session.request(
                request.method, target, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                passed = {k: v for k, v in answer.headers.items() if k.lower() not in NOT_PASSED_ON}
                return web.Response(body=await answer.read(), status=answer.status, headers=passed)

        app = web.Application()
        app.router.add_route("*", path, forward)
        app.router.add_route("*", path + "/{rest:.*}", forward)
        server = TestServer(app, host="127.0.0.1")
        async with TestClient(server) as client:
            yield client
