"""Processes of the cluster as the machine sees them: a native cluster is part of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def operator_of(pod: str) -> int:
    """The operator's process in that pod. Raises RuntimeError when there is none."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            pid = int(entry.name)
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"cluster" in words and f"HOSTNAME={pod}".encode() in _environment(entry):
                return pid
    raise RuntimeError(f"no operator of pod {pod} is to be seen")


def resident(pid: int) -> tuple[float, float]:
    """MiB of memory that it has now, and had at most."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    values = {line.partition(":")[0]: line.partition(":")[2] for line in lines}
    return _mebibytes(values["VmRSS"]), _mebibytes(values["VmHWM"])


def cpu_of(pid: int) -> float:
    """Seconds of processor time since it began, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _environment(entry: Path) -> list[bytes]:
    return (entry / "environ").read_bytes().split(b"\0")


def _mebibytes(value: str) -> float:
    return int(value.split()[0]) / 1024
