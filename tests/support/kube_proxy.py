"""An API server that misbehaves on demand: the real one, behind a proxy on loopback."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

FORWARDED = ("Accept", "Content-Type", "User-Agent")


class KubeProxy:
    """``kubeconfig`` leads through it. Without harm, everything passes."""

    def __init__(self, session: ClientSession, server: str, folder: Path) -> None:
        self._session = session
        self._server = server
        self._folder = folder
        self._watches: set[asyncio.Task[Any]] = set()
        self.down = False
        """Every connection is cut before it is answered, and open watches end."""
        self.stalled = False
        """Watches stay open and nothing comes on them any more."""
        self.refusing: str | None = None
        """Writes are answered with 429 and this Retry-After."""
        self.watches_opened = 0
        self.refused = 0
        self._errors: asyncio.Queue[int] = asyncio.Queue()

    @property
    def kubeconfig(self) -> Path:
        """For whoever is to be harmed."""
        return self._folder / "proxy.kubeconfig"

    def cut_watches(self) -> None:
        """End every open watch, as a load balancer does."""
        for watch in self._watches:
            watch.cancel()

    def end_watches_with(self, code: int) -> None:
        """An ERROR event on the next watch that is opened; those that are open end."""
        self._errors.put_nowait(code)
        self.cut_watches()

    # ------------------------------------------------------------ at work

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        if self.down:
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        if self.refusing is not None and request.method != "GET":
            self.refused += 1
            raise _refusal(self.refusing)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        url = f"{self._server}{request.raw_path}"
        body = await request.read() or None
        async with self._session.request(request.method, url, data=body, headers=headers) as answer:
            if "watch=true" in request.query_string:
                return await self._watch(request, answer)
            content = await answer.read()
            return web.Response(body=content, status=answer.status, content_type="application/json")

    async def _watch(self, request: web.Request, answer: Any) -> web.StreamResponse:
        self.watches_opened += 1
        response = web.StreamResponse(status=answer.status)
        await response.prepare(request)
        if not self._errors.empty():
            await response.write(_error_event(self._errors.get_nowait()))
            return response
        pouring = asyncio.create_task(self._pour(response, answer))
        self._watches.add(pouring)
        with suppress(asyncio.CancelledError, ConnectionError):
            await pouring
        self._watches.discard(pouring)
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _pour(self, response: web.StreamResponse, answer: Any) -> None:
        async for line in answer.content:
            if self.stalled:
                await asyncio.Event().wait()
            await response.write(line)


def _refusal(after: str) -> web.HTTPException:
    text = json.dumps({"kind": "Status", "message": "too many requests, please try again later"})
    return web.HTTPTooManyRequests(text=text, headers={"Retry-After": after}, content_type="application/json")


def _error_event(code: int) -> bytes:
    status = {"kind": "Status", "code": code, "message": "made by a test", "reason": "Expired"}
    return json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


@asynccontextmanager
async def kube_proxy(kubeconfig: Path, folder: Path) -> AsyncIterator[KubeProxy]:
    """In front of the cluster of ``kubeconfig``, as whoever that file is."""
    told = yaml.safe_load(kubeconfig.read_text())
    server: str = told["clusters"][0]["cluster"]["server"]
    trust = _trust(told, folder)
    connector = TCPConnector(ssl=trust, limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=None)) as session:
        proxy = KubeProxy(session, server, folder)
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        proxy.kubeconfig.write_text(_kubeconfig(port))
        try:
            yield proxy
        finally:
            proxy.cut_watches()
            await runner.cleanup()


def _trust(told: dict[str, Any], folder: Path) -> ssl.SSLContext:
    cluster, user = told["clusters"][0]["cluster"], told["users"][0]["user"]
    trust = ssl.create_default_context(cadata=_text(cluster, "certificate-authority"))
    for name in ("client-certificate", "client-key"):
        (folder / name).write_text(_text(user, name))
    trust.load_cert_chain(folder / "client-certificate", folder / "client-key")
    return trust


def _text(part: dict[str, Any], name: str) -> str:
    if f"{name}-data" in part:
        return base64.b64decode(part[f"{name}-data"]).decode()
    return Path(part[name]).read_text()


def _kubeconfig(port: int) -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "proxy",
            "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "proxy", "user": {}}],
            "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}],
        }
    )
