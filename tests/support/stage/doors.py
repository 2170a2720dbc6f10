"""Ways into the cluster that need no API server: ports on the host's loopback, carried to pods' addresses."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field

from tests.cluster import native
from tests.cluster.places import PACKAGE, Places
from tests.cluster.problem import Problem


@dataclass
class Doors:
    """Opened when they are first asked for."""

    places: Places
    _ports: dict[tuple[str, int], int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, address: str, port: int) -> int:
        """The port on loopback that leads there."""
        with self._lock:
            if (address, port) not in self._ports:
                self._ports[address, port] = self._open(address, port)
            return self._ports[address, port]

    def close(self) -> None:
        """All of them."""
        control = native.control(self.places)
        for address, port in self._ports:
            with suppress(Problem):
                control.signal(_name(address, port), signal.SIGKILL)

    def _open(self, address: str, port: int) -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            argv = [sys.executable, "-I", str(PACKAGE / "relay.py"), "@descriptor", address, str(port)]
            native.control(self.places).start(_name(address, port), argv, descriptor=listener.fileno())
            return int(listener.getsockname()[1])


def _name(address: str, port: int) -> str:
    return f"door-{address}-{port}-{os.getpid()}"
