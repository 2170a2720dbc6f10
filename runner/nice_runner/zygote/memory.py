"""How much memory a process tree uses, watched so that one run can be ended before the kernel ends all.

Resident sizes are cheap to read, but count a page once for every process that shares it: forks of one parent
look many times as large as they are. So resident sizes only raise a suspicion, and proportional ones (a page
shared by n counts 1/n in each), which cost the kernel a walk through the page tables, decide.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Callable, Iterable, Optional, Set

LONG_SECONDS, SHORT_SECONDS = 0.1, 0.02
"""How often a tree is measured: far below its limit, and above half of it."""

BUSY_SHARE = 0.05
"""The watch itself takes no larger part of a core than this, however large the tree is."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """Measures the descendants of a process against a limit in bytes. ``due`` is when to look next, on the
    monotonic clock; ``peak`` the most resident memory that was seen, shared pages once per process."""

    def __init__(self, root: int, limit: int, now: float) -> None:
        self._root = root
        self._limit = limit
        self.due = now
        self.peak = 0

    def look(self, now: float) -> Optional[int]:
        """How much is used, in bytes, if it is more than the limit."""
        pids = family(self._root)
        used = resident(pids)
        self.peak = max(self.peak, used)
        above_half = used * 2 > self._limit
        if used > self._limit:
            used = proportional(pids)
        finished = time.monotonic()
        pause = SHORT_SECONDS if above_half else LONG_SECONDS
        self.due = finished + max(pause, (finished - now) / BUSY_SHARE)
        return used if used > self._limit else None


def family(root: int) -> Set[int]:
    """Descendants of ``root``, as far as they can be told in passing: one that is born or orphaned at this
    moment may be missing."""
    found: Set[int] = set()
    waiting = [root]
    while waiting:
        fresh = _children(waiting.pop()) - found
        found |= fresh
        waiting.extend(fresh)
    return found


def resident(pids: Iterable[int]) -> int:
    """Bytes in memory, shared pages counted in each process."""
    return sum(_of_each(pids, _resident))


def proportional(pids: Iterable[int]) -> int:
    """Bytes in memory, shared pages counted by their share."""
    return sum(_of_each(pids, _proportional))


def _of_each(pids: Iterable[int], measure: Callable[[int], int]) -> Iterable[int]:
    for pid in pids:
        with suppress(OSError, ValueError):  # it ended meanwhile
            yield measure(pid)


def _resident(pid: int) -> int:
    with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:
        return int(file.read(256).split()[1]) * _PAGE


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(b"Pss:")) * 1024
    except (PermissionError, FileNotFoundError, StopIteration):
        return _resident(pid)  # it hides itself, or the kernel has no such file


def _children(pid: int) -> Set[int]:
    found: Set[int] = set()
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
                found.update(int(child) for child in file.read(1 << 16).split())
    return found
