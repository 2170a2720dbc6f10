"""A server on an event loop of its own, in a thread, for machines whose steps do not wait by themselves."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import WorkerIdentity
from tests.integration.hostile.doors import DOORS
from tests.support.access import POD, Gate
from tests.support.api import ApiServer, api_server
from tests.support.raw_http import CLOSE, TEXT, RawSocket, raw_socket

T = TypeVar("T")
WITHIN = 30.0


@dataclass
class Connection:
    """One WebSocket, whose texts are noted as they come. ``asked``: jobs that it has asked for."""

    door: str
    socket: RawSocket
    reading: asyncio.Task[None]
    stack: AsyncExitStack
    heard: list[Any] = field(default_factory=list)
    asked: int = 0
    open: bool = True

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """What it was given to do."""
        return [
            m
            for m in self.heard
            if isinstance(m, dict) and ("options" in m or ("nonce" in m and "name" in m))
        ]

    @property
    def assigned(self) -> list[dict[str, Any]]:
        """Runs that it was assigned as a worker of a pool."""
        return [m for m in self.heard if isinstance(m, dict) and m.get("type") == "assign"]


class ServerThread:
    """Started when made; ``end`` stops it. ``run`` carries out a coroutine there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        self._directory = tempfile.TemporaryDirectory()
        self.connections: list[Connection] = []
        self.api = self.run(self._start())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN)

    def end(self) -> None:
        """Stop everything."""
        try:
            for connection in self.connections:
                self.run(leave(connection))
            self.run(self._stack.aclose())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WITHIN)
            self._loop.close()
            self._directory.cleanup()

    async def _start(self) -> ApiServer:
        settings = EngineSettings(
            lease=None, every_pool=True, poll=0.1, reconnect_wait=0.05, undeclared_tasks=True
        )
        path = Path(self._directory.name)
        gate = Gate({POD: WorkerIdentity("default/default")})
        api = await self._stack.enter_async_context(api_server(path, None, settings, gate=gate))
        await api.define("job")
        await api.define("work", run={"external": {}}, retry={"backoff": {"initialSeconds": 0}})
        return api

    def open(self, door: str) -> Connection:
        """One connection more."""
        connection = self.run(self._open(door))
        self.connections.append(connection)
        return connection

    async def _open(self, name: str) -> Connection:
        door, stack = DOORS[name], AsyncExitStack()
        assert self.api.client.port is not None
        socket = await stack.enter_async_context(raw_socket(self.api.client.port, door.path, **door.headers))
        reading = asyncio.create_task(asyncio.sleep(0))
        connection = Connection(name, socket, reading, stack)
        connection.reading = asyncio.create_task(_read(connection))
        return connection


async def _read(connection: Connection) -> None:
    try:
        while True:
            opcode, payload = await connection.socket.hear()
            if opcode == CLOSE:
                break
            if opcode == TEXT:
                connection.heard.append(_document(payload))
    except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
        pass
    connection.open = False


def _document(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except ValueError:
        return payload.decode()


async def leave(connection: Connection) -> None:
    """Hang up."""
    connection.open = False
    connection.reading.cancel()
    await asyncio.gather(connection.reading, return_exceptions=True)
    await connection.stack.aclose()
