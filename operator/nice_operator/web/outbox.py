"""What waits to be written to a WebSocket: bounded, and written by one task, in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from aiohttp import WSCloseCode, web

_log = logging.getLogger(__name__)

QUEUED_BYTES = 32 * 1024 * 1024
"""More than this waiting for a peer that does not read ends its connection."""
CALM_BYTES = 1024 * 1024
"""With more than this waiting, nothing more is read from the peer."""


class Outbox:
    """``send`` and ``close`` never block; ``write`` runs for as long as the socket is open."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, limit: int = QUEUED_BYTES
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._limit = limit
        self._queue: deque[str] = deque()
        self._queued = 0
        self._ready = asyncio.Event()
        self._calm = asyncio.Event()
        self._calm.set()
        self._closing: tuple[int, str] | None = None

    def send(self, text: str) -> None:
        """Queue a text frame; one too many for the bound ends the connection."""
        if self._closing is not None:
            return
        self._queue.append(text)
        self._queued += len(text)
        self._ready.set()
        if self._queued > CALM_BYTES:
            self._calm.clear()
        if self._queued > self._limit:
            self._cut()

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued; the first call counts."""
        if self._closing is None:
            self._closing = (code, reason)
            self._ready.set()

    async def calm(self) -> None:
        """Wait until the peer has read most of what it was sent."""
        await self._calm.wait()

    def _cut(self) -> None:
        _log.warning("a peer does not read what it is sent; its connection is cut")
        self._queue.clear()
        self._calm.set()
        self.close(WSCloseCode.POLICY_VIOLATION, "what was sent is not read")
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
        finally:
            self._calm.set()
        if not self._socket.closed:
            code, reason = self._closing or (WSCloseCode.GOING_AWAY, "")
            await self._socket.close(code=code, message=close_reason(reason))

    async def _flush(self) -> None:
        while self._queue:
            text = self._queue.popleft()
            await self._socket.send_str(text)
            self._queued -= len(text)
            if self._queued <= CALM_BYTES:
                self._calm.set()


def close_reason(text: str) -> bytes:
    """A close frame has room for 123 bytes."""
    return text.encode()[:120].decode(errors="ignore").encode()
