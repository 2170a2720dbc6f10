"""Facts of the machine, measured when an attempt starts."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from nice_protocol.messages import Host

_AVAILABLE = re.compile(rb"^MemAvailable:\s+(\d+) kB", re.MULTILINE)


def measure_host() -> Host:
    """Name, memory that programs could still get (bytes), load over 1, 5 and 15 minutes."""
    return Host(socket.gethostname(), _free_memory(), list(os.getloadavg()))


def _free_memory() -> int | None:
    try:
        found = _AVAILABLE.search(Path("/proc/meminfo").read_bytes())
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
