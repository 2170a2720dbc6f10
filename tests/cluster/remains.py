"""What a cluster leaves when its bring-up was killed, how to find it, and how to take all of it away."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, SO_PEERCRED, SOL_SOCKET, socket

from tests.cluster import cgroups
from tests.cluster.machine import MARK, Machine
from tests.cluster.places import STATE, Places
from tests.cluster.problem import Problem
from tests.cluster.waiting import until


@contextmanager
def alone(places: Places) -> Iterator[None]:
    """Be the only one who brings this cluster up or down. Raises ``Problem`` when somebody else is at it.

    The lock is a socket name that the kernel frees when its holder dies; it is no file that could be left.
    """
    name = f"\0nice-cluster/{places.home}"
    with socket(AF_UNIX) as lock:
        try:
            lock.bind(name)
        except OSError as error:
            raise Problem(
                f"cluster {places.name} is being brought up or down by process {_holder(name)}; "
                "wait for it, or end it"
            ) from error
        lock.listen(8)
        yield


def live(places: Places) -> bool:
    """Whether the cluster was brought up completely and its control machine answers."""
    return places.complete.exists() and Machine("control", places.machine("control")).alive()


def clear(places: Places) -> None:
    """Take everything away: processes (mounts and network go with them), control groups, files."""
    until(f"the processes of cluster {places.name} are dead", lambda: not _killed(places), 20)
    cgroups.clear(places.name)
    shutil.rmtree(places.home, ignore_errors=True)
    if places.home.exists():
        shutil.rmtree(places.home)  # once more, and now tell
    with suppress(OSError):
        STATE.rmdir()  # only if no other cluster is there


def found(places: Places) -> list[str]:
    """What there is of the cluster, in words; nothing after ``clear``."""
    things = [f"process {pid}" for pid in processes(places)]
    things += [f"control group {path}" for path in cgroups.left(places.name)]
    if places.home.exists():
        things.append(f"folder {places.home}")
    return things


def processes(places: Places) -> list[int]:
    """Every process that carries the cluster's mark in its environment. Containers die with their machine."""
    mark = f"{MARK}={places.home}".encode()
    return [pid for pid in _pids() if mark in _environment(pid)]


def _killed(places: Places) -> list[int]:
    pids = processes(places)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _holder(name: str) -> str:
    with suppress(OSError), socket(AF_UNIX) as question:
        question.settimeout(1)
        question.connect(name)
        return str(int.from_bytes(question.getsockopt(SOL_SOCKET, SO_PEERCRED, 4), "little"))
    return "(unknown)"
