"""A detour to the API server on which watches arrive late: whatever it answers on a connection that asked to
watch.

Speaks HTTP/1.1 over TLS on both sides and carries bytes; callers prove themselves by tokens, which pass
through.
``watch_delay.py PORT API_PORT SECONDS CERTIFICATE KEY AUTHORITY``, inside the control machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import sys
from collections.abc import Coroutine
from dataclasses import dataclass

WATCH = re.compile(rb"\A[A-Z]+ \S*[?&]watch=(1|true)\b")


@dataclass
class Connection:
    """Whether somebody watches on it. Once a watch began, a connection carries nothing else."""

    watched: bool = False


async def _to_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: Connection) -> None:
    while data := await reader.read(65536):
        state.watched = state.watched or bool(WATCH.match(data))
        writer.write(data)
        await writer.drain()
    writer.close()


async def _to_client(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: Connection, seconds: float
) -> None:
    """In order, each piece ``seconds`` after it came if the connection is watched."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def deliver() -> None:
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    while True:
        data = await reader.read(65536)
        await pieces.put((loop.time() + (seconds if state.watched else 0), data))
        if not data:
            break
    await delivery


async def serve(
    port: int, api_port: int, seconds: float, server_side: ssl.SSLContext, client_side: ssl.SSLContext
) -> None:
    """For ever."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", api_port, ssl=client_side)
            state = Connection()
            async with asyncio.TaskGroup() as group:
                group.create_task(_quietly(_to_server(reader, far_writer, state)))
                group.create_task(_quietly(_to_client(far_reader, writer, state, seconds)))
        writer.close()

    server = await asyncio.start_server(client, "0.0.0.0", port, ssl=server_side)
    await server.serve_forever()


async def _quietly(carrying: Coroutine[None, None, None]) -> None:
    with contextlib.suppress(OSError):
        await carrying


def main(port: str, api_port: str, seconds: str, certificate: str, key: str, authority: str) -> None:
    """Set up both sides of TLS; HTTP/2 is offered on neither."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=authority)
    asyncio.run(serve(int(port), int(api_port), float(seconds), server_side, client_side))


if __name__ == "__main__":
    main(*sys.argv[1:])
