"""A TCP way to a server on loopback that can be cut and mended."""

from __future__ import annotations

import asyncio
from contextlib import suppress


class Way:
    """Passes bytes on, both ways, while it is whole. A cut breaks the connections of the moment and refuses
    new ones."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._whole = True
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen on a port of its own."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Go away."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Let nothing through."""
        self._whole = False
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        self._whole = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            both = {writer, far_writer}
            self._open |= both
            await asyncio.gather(_pass_on(reader, far_writer), _pass_on(far_reader, writer))
            self._open -= both


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
