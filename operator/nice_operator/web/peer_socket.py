"""aiohttp's WebSocket, on which a peer that has gone is an end and not an error."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web


class PeerSocket(web.WebSocketResponse):
    """``receive`` answers pings, and would raise where that comes too late."""

    async def pong(self, message: bytes = b"") -> None:
        """Answer a ping. Nobody may be there any more: what is read next says so, it is the end."""
        with suppress(ConnectionError):
            await super().pong(message)
