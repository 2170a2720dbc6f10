"""A scripted operator: the other end of a real worker process, over a real WebSocket on a Unix socket or
TCP."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from aiohttp import WSMsgType, web

from nice_protocol.codec import Codec
from nice_protocol.messages import (
    Assign,
    Cancel,
    Drain,
    Finish,
    Finished,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Log,
    LogAck,
    LogLines,
    Message,
    RunRef,
    Start,
    Started,
    Welcome,
)
from nice_protocol.session import OperatorSession

CODEC = Codec(json.dumps, json.loads)

M = TypeVar("M", bound=Message)


@dataclass
class RunRecord:
    """What the operator saw of one run."""

    assign: Assign
    starts: list[Start] = field(default_factory=list)
    finishes: list[Finish] = field(default_factory=list)
    chunks: list[LogLines] = field(default_factory=list)

    @property
    def finish(self) -> Finish:
        """The first report of its end."""
        return self.finishes[0]

    def text(self, stream: str = "stdout") -> str:
        """Everything one stream said."""
        return "".join(chunk.text for chunk in self.chunks if chunk.stream == stream)


@dataclass
class Behaviour:
    """What the operator does by itself."""

    lease: float | None = None
    heartbeat: float = 0.2
    start: bool = True
    settle: bool = True
    ack_logs: bool = True
    ack_heartbeats: bool = True
    discard: list[RunRef] = field(default_factory=list)
    token: str | None = None


class FakeOperator:
    """Follows the protocol's rules to the letter (it is an OperatorSession), and records everything."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.behaviour = Behaviour()
        self.runs: dict[str, RunRecord] = {}
        self.received: list[Message] = []
        self.connections = 0
        self.turned_away: list[str] = []
        self.session: OperatorSession | None = None
        self._socket: web.WebSocketResponse | None = None
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen at ``operator.sock`` in the directory."""
        app = web.Application()
        app.router.add_get("/api/v1/worker", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.UnixSite(self._runner, self.directory / "operator.sock").start()

    async def listen(self, tls: ssl.SSLContext | None = None, port: int = 0) -> str:
        """Listen on loopback too; returns the URL for workers."""
        assert self._runner is not None
        site = web.TCPSite(self._runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        port = self._runner.addresses[-1][1]
        return f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Go away, as an operator that was killed."""
        await self.cut()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
            (self.directory / "operator.sock").unlink(missing_ok=True)

    async def cut(self) -> None:
        """Break the connection without a word."""
        if self._socket is not None and self._socket._req is not None:
            transport = self._socket._req.transport
            if transport is not None:
                transport.abort()

    # ------------------------------------------------------------ what a test does

    async def assign(self, execution: dict[str, Any], **fields: Any) -> RunRecord:
        """Give the worker a run as soon as it asks for one."""
        await self.until(lambda: self.session is not None and self.session.assignable > 0, "credit")
        values: dict[str, Any] = {
            "run": str(uuid4()),
            "epoch": 1,
            "attempt": 1,
            "namespace": "default",
            "task": "hello",
            "generation": 1,
            "payload": "null",
            "timeout": 30.0,
            "grace": 2.0,
        }
        assign = Assign(execution=execution, **{**values, **fields})
        record = self.runs[assign.run] = RunRecord(assign)
        await self.send(assign)
        return record

    async def python(self, source: str, **fields: Any) -> RunRecord:
        """Assign Python source."""
        return await self.assign({"python": {"source": source}}, **fields)

    async def command(self, *argv: str, **fields: Any) -> RunRecord:
        """Assign a program."""
        return await self.assign({"command": list(argv)}, **fields)

    async def finished(self, record: RunRecord, timeout: float = 20) -> Finish:
        """Wait for a run's end."""
        await self.until(lambda: bool(record.finishes), f"finish of {record.assign.execution}", timeout)
        return record.finish

    async def said(self, record: RunRecord, text: str, stream: str = "stdout", timeout: float = 20) -> None:
        """Wait until a run's log contains a text."""
        await self.until(lambda: text in record.text(stream), f"{text!r} in the {stream}", timeout)

    async def until(self, condition: Callable[[], bool], what: str, timeout: float = 20) -> None:
        """Wait until something is so."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(condition)
        except TimeoutError:
            raise AssertionError(f"waited {timeout} s in vain for {what}") from None

    async def cancel(self, record: RunRecord) -> None:
        """Ask the worker to stop a run."""
        await self.send(Cancel(record.assign.run, record.assign.epoch))

    async def drain(self) -> None:
        """Ask the worker to leave."""
        await self.send(Drain())

    async def send(self, message: Any) -> None:
        """Say something, by the rules."""
        assert self.session is not None
        assert self._socket is not None
        self.session.send(message)
        await self._socket.send_str(CODEC.encode(message))

    def all(self, kind: type[M]) -> list[M]:
        """Messages of one type received so far."""
        return [message for message in self.received if isinstance(message, kind)]

    # ------------------------------------------------------------ what it does by itself

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        presented = request.headers.get("Authorization", "")
        if self.behaviour.token is not None and presented != f"Bearer {self.behaviour.token}":
            self.turned_away.append(presented)
            await self._tell_tests()
            raise web.HTTPUnauthorized
        socket = web.WebSocketResponse(max_msg_size=16 * 1024 * 1024, compress=False)
        await socket.prepare(request)
        session = OperatorSession()
        self._socket, self.session = socket, session
        self.connections += 1
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    message = session.receive(CODEC.from_worker(frame.data))
                    self.received.append(message)
                    await self._answer(message)
                    await self._tell_tests()
        except ConnectionResetError:
            pass
        finally:
            if self.session is session:
                self.session = self._socket = None
            await self._tell_tests()
        return socket

    async def _tell_tests(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _answer(self, message: Message) -> None:
        behaviour = self.behaviour
        match message:
            case Hello():
                await self.send(Welcome(1, behaviour.heartbeat, behaviour.lease, behaviour.discard))
            case Start(run, epoch):
                self.runs[run].starts.append(message)
                if behaviour.start:
                    await self.send(Started(run, epoch))
            case Heartbeat(seq) if behaviour.ack_heartbeats:
                await self.send(HeartbeatAck(seq))
            case Log(run, epoch, chunks):
                self.runs[run].chunks.extend(chunks)
                if behaviour.ack_logs:
                    await self.send(LogAck(run, epoch, chunks[-1].first + chunks[-1].lines - 1))
            case Finish(run, epoch, outcome):
                self.runs[run].finishes.append(message)
                if behaviour.settle:
                    await self.send(Finished(run, epoch, outcome, "accepted"))
