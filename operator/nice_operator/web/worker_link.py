"""The worker link: WebSocket frames to messages and back, around ``engine.workers`` (see docs/protocol.md).

No rule lives here but those of the socket: text frames only, their size, the pace of pings, and that a worker
who does not read is cut off instead of filling our memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.connection import WorkerConnection
from nice_operator.engine.service import Engine
from nice_operator.engine.workers import WorkerHub
from nice_protocol.codec import Codec
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_FRAME
from nice_protocol.messages import Error, FromOperator, FromWorker, Hello
from nice_protocol.session import OperatorSession

PATH = "/api/v1/worker"
PING_EVERY = 10.0
HELLO_WITHIN = 10.0
QUEUED_BYTES = 32 * 1024 * 1024
"""More than this waiting for a worker that does not read ends its connection."""
CLOSE_WITHIN = 5.0

_log = logging.getLogger(__name__)
_codec = Codec(orjson.dumps, orjson.loads)


def make_link_app(engine: Engine) -> web.Application:
    """An application with nothing but the link, for a socket that only workers reach."""
    app = web.Application()
    app.router.add_get(PATH, WorkerLink(engine.workers).serve)

    async def hang_up(app: web.Application) -> None:
        await engine.workers.close()

    app.on_shutdown.append(hang_up)
    return app


class WorkerLink:
    """``serve`` is the handler of ``GET /api/v1/worker``. Who may connect is decided before."""

    def __init__(self, hub: WorkerHub) -> None:
        self._hub = hub

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one worker until its socket ends."""
        socket = web.WebSocketResponse(
            heartbeat=PING_EVERY, max_msg_size=MAX_FRAME, compress=False, timeout=CLOSE_WITHIN
        )
        await socket.prepare(request)
        channel = SocketChannel(socket, request.transport)
        writer = asyncio.create_task(channel.write())
        try:
            await self._converse(socket, channel)
        finally:
            channel.close(WSCloseCode.GOING_AWAY, "")
            await writer
        return socket

    async def _converse(self, socket: web.WebSocketResponse, channel: SocketChannel) -> None:
        connection = await self._greet(socket, channel)
        if connection is None:
            return
        try:
            async for frame in socket:
                await _take(connection, frame)
                if not connection.open:
                    return
        finally:
            await self._hub.disconnect(connection)

    async def _greet(self, socket: web.WebSocketResponse, channel: SocketChannel) -> WorkerConnection | None:
        """The first message, within ten seconds, must be a hello that can be accepted."""
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                message = _decode(await socket.receive())
            if not isinstance(message, Hello):
                OperatorSession().receive(message)
                raise AssertionError("anything but hello is refused by a new session")
            return await self._hub.connect(message, channel)
        except ProtocolError as error:
            channel.send(Error(error.code, error.message[:1000], error.about))
            channel.close(WSCloseCode.POLICY_VIOLATION, error.code)
        except TimeoutError:
            channel.close(WSCloseCode.POLICY_VIOLATION, Code.EXPECTED_HELLO)
        except Unavailable as error:
            channel.close(WSCloseCode.TRY_AGAIN_LATER, str(error))
        except _Gone:
            pass
        return None


class _Gone(Exception):
    """The socket ended."""


async def _take(connection: WorkerConnection, frame: WSMessage) -> None:
    try:
        message = _decode(frame)
    except ProtocolError as error:
        connection.reject(error)
    except _Gone:
        connection.closed()
    else:
        await connection.receive(message)


def _decode(frame: WSMessage) -> FromWorker:
    if frame.type is WSMsgType.TEXT:
        return _codec.from_worker(frame.data)
    if frame.type is WSMsgType.BINARY:
        raise ProtocolError(Code.NOT_TEXT, "expected a text frame, found a binary one")
    raise _Gone


class SocketChannel:
    """A bounded queue before the socket, and the one task that writes what has gathered."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, limit: int = QUEUED_BYTES
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._limit = limit
        self._queue: deque[str] = deque()
        self._queued = 0
        self._ready = asyncio.Event()
        self._closing: tuple[int, str] | None = None

    def send(self, message: FromOperator) -> None:
        """Queue a message; one too many for the bound ends the connection."""
        if self._closing is not None:
            return
        text = _codec.encode(message)
        self._queue.append(text)
        self._queued += len(text)
        self._ready.set()
        if self._queued > self._limit:
            self._cut()

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued; the first call counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._ready.set()

    def _cut(self) -> None:
        _log.warning("a worker does not read what it is sent; its connection is cut")
        self._queue.clear()
        self.close(WSCloseCode.POLICY_VIOLATION, "the worker does not read")
        if self._transport is not None:
            self._transport.abort()

    async def write(self) -> None:
        """Send until closed."""
        try:
            while self._queue or self._closing is None:
                await self._ready.wait()
                self._ready.clear()
                await self._flush()
        except (ConnectionError, RuntimeError):
            pass  # the reader sees the same end, and says so
        if not self._socket.closed:
            code, reason = self._closing or (WSCloseCode.GOING_AWAY, "")
            await self._socket.close(code=code, message=_reason(reason))

    async def _flush(self) -> None:
        while self._queue:
            text = self._queue.popleft()
            self._queued -= len(text)
            await self._socket.send_str(text)


def _reason(text: str) -> bytes:
    """A close frame has room for 123 bytes."""
    return text.encode()[:120].decode(errors="ignore").encode()
