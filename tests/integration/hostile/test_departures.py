"""Who just goes leaves no trace of it in the log: no error, no traceback (``clean_log`` looks)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.integration.hostile.doors import Door, each_door
from tests.support.api import ApiServer
from tests.support.raw_http import PING, WITHIN, RawSocket, end_harshly, frame, raw_socket, request
from tests.support.serving import a_visit, connections

PINGS = frame(PING, b"still there?") * 200
"""Each is answered. Somebody who is gone is found out at the second answer or the third."""


async def leave(socket: RawSocket) -> None:
    """As any program does."""
    await socket.send(PINGS)


async def leave_harshly(socket: RawSocket) -> None:
    """As a kernel does for a program that was killed."""
    socket.harshly()
    await socket.send(PINGS)


async def leave_what_is_closing(socket: RawSocket) -> None:
    """The server's own close frame is on its way."""
    await socket.send(frame(8, b"\x03\xe8"), PINGS)


DEPARTURES: list[Callable[[RawSocket], Awaitable[None]]] = [leave, leave_harshly, leave_what_is_closing]


@each_door
async def test_a_socket_that_ends_before_its_pong_is_no_error(api: ApiServer, door: Door) -> None:
    assert api.client.port is not None
    for departure in DEPARTURES:
        async with a_visit(), raw_socket(api.client.port, door.path, **door.headers) as socket:
            await door.enter(socket)
            await departure(socket)


async def test_a_body_that_ends_in_its_middle_is_no_error(api: ApiServer) -> None:
    for path in ("/task/work", "/api/v1/tasks/default/job/runs"):
        whole = request("POST", path, b'{"payload": 1}' + b" " * 1000, Content_Type="application/json")
        for harshly in (False, True):
            async with a_visit():
                await hang_up_after(api, whole[:-500], harshly=harshly)


async def test_a_reader_that_leaves_a_log_is_no_error(api: ApiServer) -> None:
    logs = f"/api/v1/runs/{(await api.run('job'))['id']}/logs"
    for path in (f"{logs}/events", f"{logs}/raw", "/"):
        async with a_visit():
            await hang_up_after(api, request("GET", path, Accept="text/html"))


async def hang_up_after(api: ApiServer, data: bytes, *, harshly: bool = True) -> None:
    """Send it, wait until the server has begun with it, and go."""
    before = connections()
    _, writer = await asyncio.open_connection("127.0.0.1", api.client.port)
    writer.write(data)
    async with asyncio.timeout(WITHIN):
        while not connections() - before:
            await asyncio.sleep(0)
    if harshly:
        end_harshly(writer)
    writer.close()
