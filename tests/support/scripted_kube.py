"""A Kubernetes API that says what a test tells it to, and notes what it was asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from nice_operator.cluster.api import KubeApi
from nice_operator.ports import KubeAccess

Answer = tuple[int, dict[str, Any]]
Script = Callable[["Asked"], Answer | None]

NOT_FOUND: Answer = (404, {"kind": "Status", "reason": "NotFound", "message": "not found"})


@dataclass(frozen=True)
class Asked:
    """One request. ``body`` is {} where there was none."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]


@dataclass
class ScriptedKube:
    """``script`` answers each request; None (or no script) means 404. While ``silent`` no one is answered."""

    script: Script | None = None
    silent: bool = False
    asked: list[Asked] = field(default_factory=list)

    def of(self, method: str, path: str = "") -> list[Asked]:
        """The requests so far with that method whose path contains that text."""
        return [each for each in self.asked if each.method == method and path in each.path]

    async def serve(self, request: web.Request) -> web.Response:
        """Answer one request."""
        text = await request.text()
        body = json.loads(text) if text else {}
        asked = Asked(request.method, request.path, dict(request.query), body)
        self.asked.append(asked)
        if self.silent:
            await asyncio.Event().wait()
        status, answer = (self.script and self.script(asked)) or NOT_FOUND
        return web.json_response(answer, status=status)


@asynccontextmanager
async def scripted_kube(
    folder: Path, script: Script | None = None
) -> AsyncIterator[tuple[ScriptedKube, KubeApi]]:
    """The server, and a client of it. ``folder`` takes the kubeconfig."""
    kube = ScriptedKube(script)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", kube.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    api = await KubeApi.connect(KubeAccess(kubeconfig=_kubeconfig(folder, port)))
    try:
        yield kube, api
    finally:
        await api.close()
        await runner.cleanup()


def _kubeconfig(folder: Path, port: int) -> Path:
    file = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "it",
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "it", "user": {"token": "ours"}}],
    }
    file.write_text(yaml.safe_dump(content))
    return file
