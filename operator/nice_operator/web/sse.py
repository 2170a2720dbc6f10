"""Server-sent events (HTML Living Standard, §9.2): one shape for all streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any
from weakref import WeakSet

from aiohttp import web

from nice_operator.domain.errors import Unavailable
from nice_operator.web.answers import json_bytes

RECONNECT_MILLISECONDS = 1000
UNAVAILABLE = "unavailable"
"""The event that ends a stream which cannot go on now, with why; never followed by ``end``."""
KEEP_ALIVE_SECONDS = 15.0
"""A comment this often: it finds listeners that left without a word, and keeps proxies from closing."""


@dataclass(frozen=True, slots=True)
class Event:
    """``data`` is a JSON document; ``id`` comes back as ``Last-Event-ID`` when the client reconnects."""

    name: str
    data: Any
    id: str | None = None

    def encode(self) -> bytes:
        """As on the wire. JSON has no raw line break, so one data line is enough."""
        head = f"id: {self.id}\n" if self.id is not None else ""
        return f"{head}event: {self.name}\ndata: ".encode() + json_bytes(self.data) + b"\n"


class OpenStreams:
    """The streams now open, so that a shutdown can end them instead of waiting for their listeners."""

    def __init__(self) -> None:
        self._tasks: WeakSet[asyncio.Task[Any]] = WeakSet()

    def add(self, task: asyncio.Task[Any]) -> None:
        """Remember ``task`` until it ends."""
        self._tasks.add(task)

    async def close(self, _app: web.Application) -> None:
        """End them all (``on_shutdown``)."""
        for task in list(self._tasks):
            task.cancel()


STREAMS = web.AppKey("streams", OpenStreams)


async def stream(request: web.Request, events: AsyncGenerator[Event]) -> web.StreamResponse:
    """Send ``events`` until they end, nobody listens any more, or the server shuts down."""
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    await response.prepare(request)
    sending = asyncio.ensure_future(_send(response, events))
    request.app[STREAMS].add(sending)
    with suppress(ConnectionError, asyncio.CancelledError):
        await sending
    return response


async def _send(response: web.StreamResponse, events: AsyncGenerator[Event]) -> None:
    await response.write(f"retry: {RECONNECT_MILLISECONDS}\n\n".encode())
    try:
        async with aclosing(_with_pauses(events)) as source:
            async for event in source:
                await response.write(b": still here\n\n" if event is None else event.encode())
    except (
        Unavailable
    ) as away:  # the headers are out: say it in the stream; listeners come again by themselves
        await response.write(Event(UNAVAILABLE, {"message": str(away)}).encode())


async def _with_pauses(events: AsyncGenerator[Event]) -> AsyncGenerator[Event | None]:
    """``events``, and None whenever none came for a while."""
    upcoming: asyncio.Future[Event] | None = None
    try:
        while True:
            upcoming = upcoming or asyncio.ensure_future(_next(events))
            done, _ = await asyncio.wait({upcoming}, timeout=KEEP_ALIVE_SECONDS)
            if not done:
                yield None
                continue
            try:
                event = upcoming.result()
            except StopAsyncIteration:
                return
            upcoming = None
            yield event
    finally:
        if upcoming is not None:
            upcoming.cancel()
            await asyncio.wait({upcoming})
        await events.aclose()


async def _next(events: AsyncGenerator[Event]) -> Event:
    return await anext(events)
