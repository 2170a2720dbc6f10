"""What both WebSockets of this interface have in common: limits, pings, text frames, an outbox."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.strict_json import MAX_BYTES
from nice_operator.web.keys import VISIT
from nice_operator.web.outbox import Outbox
from nice_operator.web.pace import Bucket, Turns
from nice_operator.web.peer_socket import PeerSocket

_log = logging.getLogger(__name__)

ENVELOPE = 64 * 1024
MAX_MESSAGE = MAX_BYTES + ENVELOPE
"""Bytes of a message: options or a result of 1 MiB and what is around them. A larger one ends with 1009."""
PING_EVERY = 600.0
"""A peer whose program is busy answers no ping for minutes; half of this may pass until it counts as dead."""
CLOSE_WITHIN = 5.0
WRONG_RATE, WRONG_BURST = 100.0, 1000.0
"""Messages that cannot be read, of one connection: so many a second, and at once. More are read later."""
KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""The peer's kernel answers these however busy its program is: a machine that is gone is noticed in 2 min."""


@dataclass
class Conversation:
    """One open socket: ``texts`` are its messages, ``outbox`` takes answers, ``spawn`` what takes longer."""

    socket: web.WebSocketResponse
    outbox: Outbox
    wrong: Bucket = field(default_factory=lambda: Bucket(WRONG_RATE, WRONG_BURST))
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def texts(self) -> AsyncIterator[str | InvalidInput]:
        """Messages until the end. A binary frame is read as UTF-8 text; what is none is an error."""
        turns = Turns()
        async for frame in self.socket:
            if frame.type is WSMsgType.TEXT:
                yield frame.data
            elif frame.type is WSMsgType.BINARY:
                yield _decoded(frame.data)
            await self.outbox.calm()
            await turns.rest()

    async def refuse(self, answer: str) -> None:
        """Answer what cannot be read. Who sends much of it is read no faster than the bucket fills."""
        self.outbox.send(answer)
        await asyncio.sleep(self.wrong.take())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside the reading."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("what a message asked for failed", exc_info=error)


@asynccontextmanager
async def conversation(request: web.Request) -> AsyncIterator[Conversation]:
    """Accept the upgrade. Compression is never agreed on."""
    socket = PeerSocket(heartbeat=PING_EVERY, max_msg_size=MAX_MESSAGE, compress=False, timeout=CLOSE_WITHIN)
    await socket.prepare(request)
    _keep_alive(request.transport)
    outbox = Outbox(socket, request.transport)
    if (visit := request.get(VISIT)) is not None:
        visit.goodbye = outbox.close
    writer = asyncio.create_task(outbox.write())
    try:
        yield Conversation(socket, outbox)
    finally:
        outbox.close(WSCloseCode.GOING_AWAY, "")
        await writer


def _decoded(data: bytes) -> str | InvalidInput:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return InvalidInput(f"not valid JSON: byte {error.start + 1} is not UTF-8; send it as UTF-8")


def _keep_alive(transport: asyncio.Transport | None) -> None:
    connection = None if transport is None else transport.get_extra_info("socket")
    if connection is None:
        return
    with suppress(OSError):
        connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            if hasattr(sockets, name):
                connection.setsockopt(sockets.IPPROTO_TCP, getattr(sockets, name), value)
