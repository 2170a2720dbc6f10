"""The worker link: WebSocket frames to messages and back, around ``engine.workers`` (see docs/protocol.md).

No rule lives here but those of the socket: text frames only, their size, the pace of pings, and that a worker
who does not read is cut off instead of filling our memory.
"""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.connection import WorkerConnection
from nice_operator.engine.service import Engine
from nice_operator.engine.workers import WorkerHub
from nice_operator.ports import WorkerIdentity
from nice_operator.web.aside import read_aside
from nice_operator.web.keys import ENGINE, WORKER
from nice_operator.web.middleware import let_go
from nice_operator.web.outbox import QUEUED_BYTES, Outbox
from nice_operator.web.pace import Bucket, Turns
from nice_operator.web.peer_socket import PeerSocket
from nice_operator.web.routing import Access, Operation, Route
from nice_protocol.codec import Codec
from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import MAX_FRAME
from nice_protocol.messages import Error, FromOperator, FromWorker, Hello
from nice_protocol.session import OperatorSession

PATH = "/api/v1/worker"
PING_EVERY = 10.0
HELLO_WITHIN = 10.0
CLOSE_WITHIN = 5.0
MESSAGE_RATE, MESSAGE_BURST = 10_000.0, 20_000.0
"""Messages of one connection: so many a second, and at once. A busy worker needs a tenth; one that sends more
is broken, and its connection ends."""

_codec = Codec(orjson.dumps, orjson.loads)


def make_link_app(engine: Engine) -> web.Application:
    """An application with nothing but the link, for a socket that only workers reach: nobody is asked."""
    app = web.Application(middlewares=(let_go,))
    app[ENGINE] = engine
    app.router.add_get(PATH, WorkerLink(engine.workers).serve)
    app.on_shutdown.append(hang_up)
    return app


async def hang_up(app: web.Application) -> None:
    """``on_shutdown``: workers go on, and come to the next server."""
    await app[ENGINE].workers.close()


class WorkerLink:
    """``serve`` is the handler of ``GET /api/v1/worker``. Who may connect is decided before. ``rate`` and
    ``burst`` bound the messages of a connection."""

    def __init__(self, hub: WorkerHub, rate: float = MESSAGE_RATE, burst: float = MESSAGE_BURST) -> None:
        self._hub = hub
        self._rate = rate
        self._burst = burst

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one worker until its socket ends."""
        socket = PeerSocket(
            heartbeat=PING_EVERY, max_msg_size=MAX_FRAME, compress=False, timeout=CLOSE_WITHIN
        )
        await socket.prepare(request)
        channel = SocketChannel(socket, request.transport)
        writer = asyncio.create_task(channel.write())
        try:
            await self._converse(socket, channel, request.get(WORKER))
        finally:
            channel.close(WSCloseCode.GOING_AWAY, "")
            await writer
        return socket

    async def _converse(
        self, socket: web.WebSocketResponse, channel: SocketChannel, identity: WorkerIdentity | None
    ) -> None:
        connection = await self._greet(socket, channel, identity)
        if connection is None:
            return
        turns, bucket = Turns(), Bucket(self._rate, self._burst)
        try:
            async for frame in socket:
                if bucket.take():
                    connection.reject(_TOO_MANY)
                else:
                    await _take(connection, frame)
                if not connection.open:
                    return
                await turns.rest()
        finally:
            await self._hub.disconnect(connection)

    async def _greet(
        self, socket: web.WebSocketResponse, channel: SocketChannel, identity: WorkerIdentity | None
    ) -> WorkerConnection | None:
        """The first message, within ten seconds, must be a hello that can be accepted."""
        try:
            async with asyncio.timeout(HELLO_WITHIN):
                message = await _decode(await socket.receive())
            if not isinstance(message, Hello):
                OperatorSession().receive(message)
                raise AssertionError("anything but hello is refused by a new session")
            return await self._hub.connect(message, channel, identity)
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


_TOO_MANY = ProtocolError(
    Code.TOO_MANY, f"a connection may send {MESSAGE_RATE:.0f} messages a second; this one sends more"
)


async def _take(connection: WorkerConnection, frame: WSMessage) -> None:
    try:
        message = await _decode(frame)
    except ProtocolError as error:
        connection.reject(error)
    except _Gone:
        connection.closed()
    else:
        await connection.receive(message)


async def _decode(frame: WSMessage) -> FromWorker:
    if frame.type is WSMsgType.TEXT:
        return await read_aside(_codec.from_worker, frame.data)
    if frame.type is WSMsgType.BINARY:
        raise ProtocolError(Code.NOT_TEXT, "expected a text frame, found a binary one")
    raise _Gone


class SocketChannel:
    """The way to a worker: an outbox for messages."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, limit: int = QUEUED_BYTES
    ) -> None:
        self._outbox = Outbox(socket, transport, limit)

    def send(self, message: FromOperator) -> None:
        """Queue a message; one too many for the bound ends the connection."""
        self._outbox.send(_codec.encode(message))

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued; the first call counts."""
        self._outbox.close(code, reason)

    async def write(self) -> None:
        """Send until closed."""
        await self._outbox.write()


async def serve_pool_worker(request: web.Request) -> web.StreamResponse:
    """The link among the addresses of the network, where a worker proves who it is."""
    return await WorkerLink(request.app[ENGINE].workers).serve(request)


_OPERATION = Operation("WebSocket: the protocol of workers of pools", {101: "The socket is open"})
WORKER_LINK = Route("GET", PATH, serve_pool_worker, Access.WORKER, _OPERATION, streams=True, action="work")
