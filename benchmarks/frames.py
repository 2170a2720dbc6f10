"""WebSocket and HTTP at the smallest price, so that the load generator takes little from the two cores.

Frames are masked with zeros, which is a mask; what comes is trusted to be whole texts, as our server sends.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

OnText = Callable[[bytes], None]

OPEN_WITHIN = 30.0
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_TEXT = 0x81
_PING = 0x9
_MASKED = 0x80


def frame(text: bytes, first: int = _TEXT) -> bytes:
    """A text frame from a client."""
    size = len(text)
    if size < 126:
        return struct.pack("!BBI", first, _MASKED | size, 0) + text
    return struct.pack("!BBHI", first, _MASKED | 126, size, 0) + text


class WebSocket(asyncio.Protocol):
    """A client's connection. ``opened`` is done when the server agreed; ``on_text`` gets each message."""

    def __init__(self, path: str, on_text: OnText) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path = path
        self._on_text = on_text
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not derived from it
        key = base64.b64encode(os.urandom(16)).decode()
        self._transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody opens it any more."""
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"the server ended {self._path}: {error}"))

    def send(self, *texts: bytes) -> None:
        """Messages, in one piece."""
        assert self._transport is not None
        self._transport.write(b"".join(map(frame, texts)))

    def close(self) -> None:
        """End at once."""
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        data = self._rest + data
        if not self.opened.done():
            head, end, data = data.partition(_HEAD_END)
            if not end:
                self._rest = head
                return
            self._agree(head)
        self._rest = self._frames(data)

    def _agree(self, head: bytes) -> None:
        if head.startswith(b"HTTP/1.1 101"):
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(f"no WebSocket at {self._path}: {head[:200]!r}"))

    def _frames(self, data: bytes) -> bytes:
        """Hands on whole frames; what is left."""
        at, end = 0, len(data)
        while end - at >= 2:
            start, size = at + 2, data[at + 1]
            if size == 126:
                start, size = at + 4, int.from_bytes(data[at + 2 : at + 4], "big")
            elif size == 127:
                start, size = at + 10, int.from_bytes(data[at + 2 : at + 10], "big")
            if start + size > end:
                break
            self._take(data[at] & 0xF, data[start : start + size])
            at = start + size
        return data[at:]

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == _PING:
            assert self._transport is not None
            self._transport.write(frame(payload, 0x8A))
        elif kind == _TEXT & 0xF:
            self._on_text(payload)


class HttpClient(asyncio.Protocol):
    """A connection that is kept alive, with one request at a time. ``on_answer`` gets status and body."""

    def __init__(self, on_answer: Callable[[bytes, bytes], None]) -> None:
        self._on_answer = on_answer
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to ask."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own is not derived from it

    def post(self, path: str, body: bytes) -> None:
        """Ask."""
        assert self._transport is not None
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)

    def close(self) -> None:
        """End at once."""
        assert self._transport is not None
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes from the server."""
        self._rest += data
        head, end, body = self._rest.partition(_HEAD_END)
        if end and len(body) >= _length(head.lower()):
            self._rest = b""
            self._on_answer(head[9:12], body)


def _length(head: bytes) -> int:
    _, found, after = head.partition(_LENGTH)
    return int(after.partition(b"\r\n")[0]) if found else 0


def _itself(protocol: WebSocket) -> WebSocket:
    return protocol


async def open_websockets(port: int, path: str, on_texts: Sequence[OnText]) -> list[WebSocket]:
    """One for each of ``on_texts``, agreed on."""
    loop = asyncio.get_running_loop()
    found = []
    for on_text in on_texts:
        socket = WebSocket(path, on_text)
        await loop.create_connection(partial(_itself, socket), "127.0.0.1", port)
        await asyncio.wait_for(socket.opened, OPEN_WITHIN)
        found.append(socket)
    return found
