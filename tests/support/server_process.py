"""A server of the test's own as a process: its own directory, on loopback, frozen, killed, gone at will."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

STOP_WITHIN = 10.0


class ServerProcess(ABC):
    """One process. What it says is in ``log`` in its directory."""

    name = "the server"
    start_within = 15.0

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def freeze(self) -> None:
        """SIGSTOP: it accepts connections and never answers."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._send(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is None or self._process.poll() is not None:
            return
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)
        try:
            self._wait()
        except subprocess.TimeoutExpired:
            self.kill()

    def _launch(self, command: Sequence[str]) -> None:
        """Start it, and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + self.start_within
        while not self._answers():
            assert self._process.poll() is None, f"{self.name} ended: {self._tail()}"
            assert time.monotonic() < deadline, f"{self.name} does not answer: {self._tail()}"
            time.sleep(0.02)

    @abstractmethod
    def _answers(self) -> bool:
        """Whether it can be used now."""

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(STOP_WITHIN)

    def _tail(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-2000:]


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
