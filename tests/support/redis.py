"""A private Redis server for tests: its own directory, loopback only, gone for certain afterwards. And the
directory of files through which the product is told where it is."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

START_WITHIN = 15.0
STOP_WITHIN = 10.0


class RedisServer:
    """One server process (or a sentinel); nothing of it lasts unless ``options`` say so."""

    def __init__(self, directory: Path, options: Sequence[str] = (), *, sentinel: bool = False) -> None:
        self.directory = directory
        self.port = _free_port()
        self.options = tuple(options)
        self._sentinel = sentinel
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_WITHIN
        while not self._listens():
            assert self._process.poll() is None, f"redis-server ended: {self._tail()}"
            assert time.monotonic() < deadline, f"redis-server does not listen: {self._tail()}"
            time.sleep(0.02)

    def freeze(self) -> None:
        """SIGSTOP: it accepts connections and never answers."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: what it held is gone."""
        self._send(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._send(signal.SIGCONT)
            self.kill()

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

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_WITHIN)

    def _tail(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-2000:]


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
        with suppress(ProcessLookupError):
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


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
