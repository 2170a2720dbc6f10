"""The job API of node-workman on the real engine and store, with plain sockets to talk to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientWebSocketResponse, TCPConnector, WSMsgType
from aiohttp.test_utils import TestClient

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Run
from nice_operator.domain.task import Task
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import RunFilter
from nice_operator.resources import read_definition, spec_from_manifest
from nice_operator.store.sql_store import SqlStore
from nice_operator.web.app import make_app
from nice_operator.web.options import WebOptions
from tests.support.engine import Known, MovableClock
from tests.support.serving import serving

WITHIN = 10.0
QUICK: dict[str, Any] = {
    "poll": 0.1, "reap_every": 0.05, "quiet": 0.0, "every_pool": True, "lease": None,
    "only_server": True, "undeclared_tasks": True, "reconnect_wait": 0.2,
}  # fmt: skip


class Peer:
    """One WebSocket, as a test speaks on it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, message: Any) -> None:
        """Send text as it is, anything else as JSON."""
        await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def hear(self, within: float = WITHIN) -> str:
        """The next message's text. Fails when the socket ends."""
        frame = await self.socket.receive(within)
        assert frame.type is WSMsgType.TEXT, f"the socket ended: {frame}"
        text: str = frame.data
        return text

    async def ask(self, message: Any) -> str:
        """Say something and hear the next message."""
        await self.say(message)
        return await self.hear()

    async def ended(self) -> int:
        """The code that the server closed with."""
        frame = await self.socket.receive(WITHIN)
        assert frame.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING), frame
        return self.socket.close_code or 0

    async def close(self) -> None:
        """Leave."""
        await self.socket.close()

    # ------------------------------------------------------------ as a worker

    async def register(self, *names: str) -> None:
        """Say which tasks it can do."""
        for name in names:
            assert await self.ask({"action": "RegisterTask", "name": name}) == ""

    async def want(self, jobs: int = 1) -> None:
        """Ask for jobs."""
        for _ in range(jobs):
            await self.say({"action": "GetTask"})

    async def job(self) -> dict[str, Any]:
        """The next job."""
        document: dict[str, Any] = json.loads(await self.hear())
        return document

    async def answer(self, job: dict[str, Any], result: Any) -> None:
        """Send a job's result and hear that it was taken."""
        assert await self.ask({"action": "SendResult", "nonce": job["nonce"], "result": result}) == ""


@dataclass
class WorkmanServer:
    """One server to talk to."""

    engine: Engine
    store: SqlStore
    clock: MovableClock
    client: TestClient[Any, Any]
    peers: list[Peer] = field(default_factory=list)

    async def open(self, path: str, **options: Any) -> Peer:
        """A socket to ``/websocket`` or ``/worker``."""
        peer = Peer(await self.client.ws_connect(path, **options))
        self.peers.append(peer)
        return peer

    async def worker(self, *names: str) -> Peer:
        """A worker that registered names."""
        peer = await self.open("/worker")
        await peer.register(*names)
        return peer

    async def define(self, name: str, **spec: Any) -> Task:
        """Apply a NiceTask; without more it is external, and tried again soon when its worker is lost."""
        document = {
            "apiVersion": "nicecommander.dev/v1beta1",
            "kind": "NiceTask",
            "metadata": {"name": name},
            "spec": {
                "timeoutAfter": "1 hour",
                "run": {"external": {}},
                "retry": {"backoff": {"initialSeconds": 0}},
                **spec,
            },
        }
        uid = f"default/{name}"
        return await self.engine.tasks.put(read_definition(document, uid=uid, generation=0, origin="t:1"))

    async def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return list(reversed((await self.engine.runs.list(RunFilter(limit=1000))).runs))

    async def ended(self, run_id: RunId) -> Run:
        """The run at its end."""
        run = await self.engine.runs.wait(run_id, WITHIN)
        assert run.state.final, run
        return run


@asynccontextmanager
async def workman_server(
    path: Path, clock: MovableClock | None = None, unknown_name_wait: float = 10.0, **settings: Any
) -> AsyncIterator[WorkmanServer]:
    """A server on the database file at ``path``. It ends as one does that is killed: without a goodbye to
    what is held."""
    clock = clock or MovableClock()
    store = await SqlStore.open(path, read_spec=spec_from_manifest, clock=clock)
    wanted = EngineSettings(**(QUICK | settings))
    engine = Engine(store, store.logs, LocalWakeups(), Known(), SystemClock(), wanted)
    options = WebOptions(unknown_name_wait=timedelta(seconds=unknown_name_wait), view_only=wanted.view_only)
    server = await serving(make_app(engine, None, options))
    await engine.start()
    client: TestClient[Any, Any] = TestClient(server, connector=TCPConnector(limit=0))
    found = WorkmanServer(engine, store, clock, client)
    try:
        yield found
    finally:
        await engine.stop()
        await client.close()
        await store.close()
