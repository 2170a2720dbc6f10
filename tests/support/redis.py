"""A private Redis server for tests: its own directory, loopback only, gone for certain afterwards. And the
directory of files through which the product is told where it is."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.server_process import ServerProcess


class RedisServer(ServerProcess):
    """One server process (or a sentinel); nothing of it lasts unless ``options`` say so."""

    name = "redis-server"

    def __init__(self, directory: Path, options: Sequence[str] = (), *, sentinel: bool = False) -> None:
        super().__init__(directory)
        self.options = tuple(options)
        self._sentinel = sentinel

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._launch(self._command())

    def command(self, *words: str) -> bytes:
        """One command in plain words, one answer, by a bare socket: no client library of the product's."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"".join([b"*%d\r\n" % len(words), *map(_bulk, words)]))
            return connection.recv(65536)

    def _command(self) -> list[str]:
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        if self._sentinel:
            return ["redis-server", str(self.directory / "sentinel.conf"), "--sentinel", *common]
        return ["redis-server", *common, "--save", "", "--appendonly", "no", *self.options]

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def private_redis(
    directory: Path, *options: str, sentinel_of: RedisServer | None = None
) -> Iterator[RedisServer]:
    """A running server. ``sentinel_of``: a sentinel instead, alone to decide about that primary, quick to."""
    assert shutil.which("redis-server"), (
        "redis-server is not installed: these tests need a real one; run tools/setup test "
        "(or apt-get install redis-server)"
    )
    directory.mkdir(parents=True, exist_ok=True)
    if sentinel_of is not None:
        (directory / "sentinel.conf").write_text(
            f"sentinel monitor prime 127.0.0.1 {sentinel_of.port} 1\n"
            "sentinel down-after-milliseconds prime 500\nsentinel failover-timeout prime 2000\n"
        )
    server = RedisServer(directory, options, sentinel=sentinel_of is not None)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def redis_files(directory: Path, server: RedisServer | None = None, **values: str) -> Path:
    """The mounted directory, one file per value (``ca_crt`` is ``ca.crt``)."""
    directory.mkdir(parents=True, exist_ok=True)
    if server is not None:
        values.setdefault("url", f"redis://127.0.0.1:{server.port}/0")
    for name, value in values.items():
        file = directory / {"ca_crt": "ca.crt", "sentinel_password": "sentinel-password"}.get(name, name)
        file.write_text(value + "\n")
    return directory


def _bulk(word: str) -> bytes:
    raw = word.encode()
    return b"$%d\r\n%b\r\n" % (len(raw), raw)
