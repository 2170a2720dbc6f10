"""The one way into the cluster's network: a port on the host's loopback, carried to the API server.

The listening socket is made on the host's network and kept while the process moves into the control
machine's: so
nothing is routed, and no address of the cluster is ever seen on the host. Runs as a script inside the control
machine: ``relay.py LISTENING_DESCRIPTOR HOST PORT``.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction, until its sender is done."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def serve(listener: socket.socket, host: str, port: int) -> None:
    """For ever."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(host, port)
        except OSError:
            writer.transport.abort()  # as if nobody listened
            return
        try:
            await asyncio.gather(_carry(reader, far_writer), _carry(far_reader, writer))
        finally:
            far_writer.close()
            writer.close()

    server = await asyncio.start_server(client, sock=listener)
    await server.serve_forever()


if __name__ == "__main__":
    descriptor, far_host, far_port = sys.argv[1:]
    asyncio.run(serve(socket.socket(fileno=int(descriptor)), far_host, int(far_port)))
