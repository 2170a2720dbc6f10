"""A TCP proxy in front of a MySQL server that loses the answer to a COMMIT: the worst moment to lose one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

COMMIT = b"\x03COMMIT"
"""The command as the protocol spells it: COM_QUERY and its text."""


class CuttingProxy:
    """Passes bytes on. Once ``cut_next_commit`` was called, the next COMMIT still reaches the server and is
    answered; the answer is thrown away with the connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._armed = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0

    def cut_next_commit(self) -> None:
        """Lose the answer to one COMMIT."""
        self._armed.set()

    def close(self) -> None:
        """Let go of everything."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in list(self._threads):
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open += [client, server]
            losing = threading.Event()
            for target in (self._requests, self._answers):
                self._threads.append(threading.Thread(target=target, args=(client, server, losing)))
                self._threads[-1].start()

    def _requests(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if data.endswith(COMMIT) and self._armed.is_set():
                    self._armed.clear()
                    losing.set()
                server.sendall(data)
        _end(server)

    def _answers(self, client: socket.socket, server: socket.socket, losing: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if losing.is_set():
                    self.cuts += 1
                    break
                client.sendall(data)
        _end(client)
        _end(server)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting_proxy(port: int) -> Iterator[CuttingProxy]:
    """A proxy to that port of this machine."""
    proxy = CuttingProxy(port)
    try:
        yield proxy
    finally:
        proxy.close()
