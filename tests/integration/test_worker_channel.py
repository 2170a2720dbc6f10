"""A worker that does not read is cut off before it fills our memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, WSMsgType, web
from aiohttp.test_utils import TestServer

from nice_operator.web.worker_link import SocketChannel
from nice_protocol.errors import Code
from nice_protocol.messages import Error

LIMIT = 10_000


@pytest.fixture
async def channels() -> AsyncIterator[tuple[TestServer, asyncio.Queue[SocketChannel]]]:
    """A server whose every connection is a channel with a small bound."""
    made: asyncio.Queue[SocketChannel] = asyncio.Queue()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        channel = SocketChannel(socket, request.transport, LIMIT)
        made.put_nowait(channel)
        await channel.write()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    server = TestServer(app)
    await server.start_server()
    yield server, made
    await server.close()


async def test_too_much_that_nobody_reads_ends_the_connection(
    channels: tuple[TestServer, asyncio.Queue[SocketChannel]], caplog: pytest.LogCaptureFixture
) -> None:
    server, made = channels
    async with asyncio.timeout(10), ClientSession() as client, client.ws_connect(server.make_url("/")) as ws:
        channel = await made.get()
        for _ in range(LIMIT // 1000 + 1):
            channel.send(Error(Code.INTERNAL, "x" * 1000))
        assert (await ws.receive()).type in (WSMsgType.CLOSED, WSMsgType.ERROR)
    assert "does not read" in caplog.text


async def test_what_was_sent_before_the_end_arrives_and_nothing_after_it(
    channels: tuple[TestServer, asyncio.Queue[SocketChannel]],
) -> None:
    server, made = channels
    async with asyncio.timeout(10), ClientSession() as client, client.ws_connect(server.make_url("/")) as ws:
        channel = await made.get()
        channel.send(Error(Code.INTERNAL, "first"))
        channel.close(1008, "fenced")
        channel.send(Error(Code.INTERNAL, "too late"))
        assert "first" in (await ws.receive()).data
        assert (await ws.receive()).type is WSMsgType.CLOSE
        assert ws.close_code == 1008
