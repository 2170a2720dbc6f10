"""Bytes on a socket: HTTP and WebSocket as no library would send them."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket as sockets
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

WITHIN = 20.0
TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0


@dataclass(frozen=True)
class Said:
    """What a server answered: everything until it closed, or until the body was complete."""

    status: int
    head: str
    body: bytes


async def say(port: int, data: bytes, *, within: float = WITHIN) -> Said:
    """Send these bytes and read the answer. Fails when none comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(within):
            writer.write(data)
            return await answer(reader)
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> Said:
    """One answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = next(
        (int(line[15:]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
    )
    return Said(int(head.split(" ")[1]), head, await reader.readexactly(length))


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """A request that would be right. Names of headers have ``_`` for ``-``."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """One WebSocket frame (RFC 6455, 5.2); the mask is zero, which changes no byte."""
    first = (0x80 if fin else 0) | rsv << 4 | opcode
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask | len(payload))
    elif len(payload) < 2**16:
        head = struct.pack("!BBH", first, mask | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask | 127, len(payload))
    return head + (bytes(4) if masked else b"") + payload


class RawSocket:
    """A WebSocket after its handshake."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader = reader
        self._writer = writer
        self.head = head

    async def send(self, *parts: bytes) -> None:
        """Send bytes, waiting until the kernel has taken them."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()

    async def say(self, message: Any) -> None:
        """A text frame: text as it is, anything else as JSON."""
        text = message if isinstance(message, str) else json.dumps(message)
        await self.send(frame(TEXT, text.encode()))

    def harshly(self) -> None:
        """When it is closed, the kernel says RST instead of FIN."""
        end_harshly(self._writer)

    async def hear(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        async with asyncio.timeout(WITHIN):
            first, second = await self._reader.readexactly(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
            return first & 0x0F, await self._reader.readexactly(length)

    async def text(self) -> str:
        """The next text."""
        opcode, payload = await self.hear()
        assert opcode == TEXT, (opcode, payload)
        return payload.decode()

    async def ended(self) -> int:
        """The close code, whatever comes before; 0 when the connection just ends."""
        try:
            while True:
                opcode, payload = await self.hear()
                if opcode == CLOSE:
                    return int.from_bytes(payload[:2]) if payload else 0
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0


def end_harshly(writer: asyncio.StreamWriter) -> None:
    """When this is closed, nothing is waited for: the kernel says RST."""
    socket = writer.get_extra_info("socket")
    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))


@asynccontextmanager
async def raw_socket(port: int, path: str, **headers: str) -> AsyncIterator[RawSocket]:
    """A connection that was upgraded."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    try:
        writer.write(request("GET", path, Sec_WebSocket_Key=key, **upgrade, **headers))
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        assert " 101 " in head, head
        yield RawSocket(reader, writer, head)
    finally:
        writer.close()
