"""The connection to the operator: WebSocket over a Unix socket or TCP, made again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp
import orjson

from nice_protocol.codec import Codec
from nice_protocol.errors import ProtocolError
from nice_protocol.limits import MAX_FRAME
from nice_protocol.messages import FromOperator, FromWorker
from nice_protocol.session import WorkerSession

logger = logging.getLogger(__name__)

PATH = "/api/v1/worker"
PING_SECONDS = 10.0
STABLE_SECONDS = 10.0
"""A connection that held this long was a good one: the next wait starts small again."""


REFUSED_SECONDS = 20.0
"""The wait after an operator refused our token: asking faster would not make it a better one."""

REFUSALS = (401, 403)


@dataclass(frozen=True)
class Address:
    """Where the operator is: the path of a Unix socket, or a ``ws://`` or ``wss://`` URL, with the file of
    the token that opens it and that of the authorities that its certificate is believed by (None: no token,
    the system's).

    Both files are read for each connection, since what mounts them renews them. The host of the URL may
    stand for several operators; any of them will do.
    """

    socket: Path | None = None
    url: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait before connecting again: doubling between the two, each a random part of it."""

    first: float
    longest: float

    def delay(self, failures: int) -> float:
        return min(self.longest, self.first * 2.0 ** min(failures, 30)) * random.uniform(0.5, 1)  # noqa: S311


class Conversation(Protocol):
    """Who speaks over the link."""

    wake: asyncio.Event
    """Set when there may be something to send."""

    def opened(self) -> FromWorker:
        """A connection was made; returns the first message on it."""
        ...

    def next_message(self) -> FromWorker | None: ...

    def received(self, message: FromOperator) -> None: ...

    def closed(self) -> None: ...


class Link:
    """Keeps a conversation connected until cancelled."""

    def __init__(self, address: Address, backoff: Backoff) -> None:
        self._address = address
        self._backoff = backoff
        self._codec = Codec(orjson.dumps, orjson.loads)

    async def run(self, conversation: Conversation) -> None:
        """Connect, converse, and again."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            pause = 0.0
            try:
                await self._connect_once(conversation)
            except aiohttp.WSServerHandshakeError as error:
                pause = self._refused(error, failures)
            except (OSError, ValueError, aiohttp.ClientError, TimeoutError) as error:
                self._complain(error, failures)
            stable = asyncio.get_running_loop().time() - began > STABLE_SECONDS
            failures = 0 if stable else failures + 1
            await asyncio.sleep(max(self._backoff.delay(failures), pause * random.uniform(0.5, 1)))  # noqa: S311

    def _refused(self, error: aiohttp.WSServerHandshakeError, failures: int) -> float:
        """Returns how long to wait at most."""
        if error.status not in REFUSALS:
            self._complain(error, failures)
            return 0.0
        logger.error(
            "the operator at %s refused this worker (HTTP %s); expected a token that it knows, found %s; "
            "trying again within %g s",
            *(
                self._where,
                error.status,
                self._address.token_file or "none (NICE_TOKEN_FILE)",
                REFUSED_SECONDS,
            ),
        )
        return REFUSED_SECONDS

    def _complain(self, error: Exception, failures: int) -> None:
        if failures == 0:
            logger.info("no operator at %s (%s); trying on", self._where, error)

    @property
    def _where(self) -> str:
        return str(self._address.socket or self._address.url)

    async def _connect_once(self, conversation: Conversation) -> None:
        directory = self._open_directory()
        try:
            async with (
                aiohttp.ClientSession(connector=self._connector(directory)) as client,
                client.ws_connect(
                    self._url,
                    heartbeat=PING_SECONDS,
                    max_msg_size=MAX_FRAME,
                    compress=0,
                    headers=self._headers(),
                    ssl=self._trust(),
                ) as socket,
            ):
                logger.info("connected to the operator at %s", self._where)
                await self._converse(socket, conversation)
        finally:
            if directory is not None:
                os.close(directory)

    def _headers(self) -> dict[str, str]:
        file = self._address.token_file
        if file is None:
            return {}
        token = file.read_text(encoding="utf-8").strip()
        if not (token.isascii() and token.isprintable() and token):
            raise ValueError(f"{file} holds no token")
        return {"Authorization": f"Bearer {token}"}

    def _trust(self) -> ssl.SSLContext | bool:
        file = self._address.ca_file
        return True if file is None else ssl.create_default_context(cafile=str(file))

    def _open_directory(self) -> int | None:
        path = self._address.socket
        return None if path is None else os.open(path.parent, os.O_PATH | os.O_DIRECTORY)

    def _connector(self, directory: int | None) -> aiohttp.BaseConnector:
        """Through the directory's descriptor, because the path of a socket may have only 107 bytes."""
        if directory is None or self._address.socket is None:
            return aiohttp.TCPConnector()
        return aiohttp.UnixConnector(f"/proc/self/fd/{directory}/{self._address.socket.name}")

    @property
    def _url(self) -> str:
        return "http://localhost" + PATH if self._address.socket is not None else self._address.url + PATH

    async def _converse(self, socket: aiohttp.ClientWebSocketResponse, conversation: Conversation) -> None:
        session = WorkerSession()
        hello = conversation.opened()
        writer = asyncio.create_task(self._write(socket, session, hello, conversation))
        reader = asyncio.create_task(self._read(socket, session, conversation))
        try:
            done, _ = await asyncio.wait([writer, reader], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            writer.cancel()
            reader.cancel()
            await asyncio.wait([writer, reader])
            conversation.closed()

    async def _write(
        self,
        socket: aiohttp.ClientWebSocketResponse,
        session: WorkerSession,
        hello: FromWorker,
        conversation: Conversation,
    ) -> None:
        message: FromWorker | None = hello
        while True:
            if message is not None:
                await self._send(socket, session, message)
            else:
                await conversation.wake.wait()
            conversation.wake.clear()
            message = conversation.next_message()

    async def _send(
        self, socket: aiohttp.ClientWebSocketResponse, session: WorkerSession, message: FromWorker
    ) -> None:
        try:
            session.send(message)
        except ProtocolError as error:
            logger.error("not sent: %s", error)
            return
        await socket.send_str(self._codec.encode(message))

    async def _read(
        self, socket: aiohttp.ClientWebSocketResponse, session: WorkerSession, conversation: Conversation
    ) -> None:
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            try:
                message = session.receive(self._codec.from_operator(frame.data))
            except ProtocolError as error:
                logger.error("refused a message of the operator: %s", error)
                if error.fatal:
                    break
            else:
                conversation.received(message)
        logger.info("the connection to the operator ended (close code %s)", socket.close_code)
