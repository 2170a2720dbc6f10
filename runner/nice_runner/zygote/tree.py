"""Process trees: who descends from whom, and ending all of them however they resist.

A process group or a session would not do: any process leaves both by one call. Descent cannot be left,
because a subreaper is given every orphan below it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Callable, Dict, FrozenSet, Iterable, List, Optional, Set, Tuple

SWEEP_SECONDS = 10.0
DEAD_STATES = (b"Z", b"X")


def descendants(root: int, spared: FrozenSet[int] = frozenset()) -> Set[int]:
    """Living descendants of ``root``, without the subtrees that begin at ``spared``."""
    children = _children_by_parent()
    found: Set[int] = set()
    waiting = [root]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in spared and child not in found:
                found.add(child)
                waiting.append(child)
    return found


def signal_all(pids: Iterable[int], number: int) -> None:
    """Send a signal to each; those that are gone meanwhile do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def sweep(doomed: Callable[[], Set[int]], collect: Callable[[], object]) -> int:
    """End all that ``doomed`` names until it names nobody, and return how many there were.

    All are frozen before any is killed, else those that fork would outrun us. Gives up after
    SWEEP_SECONDS, because a process stuck in the kernel dies only when the kernel lets go of it.
    """
    killed: Set[int] = set()
    deadline = time.monotonic() + SWEEP_SECONDS
    while True:
        frozen = _freeze(doomed)
        if not frozen:
            return len(killed)
        signal_all(frozen, signal.SIGKILL)
        killed |= frozen
        if time.monotonic() > deadline:
            return len(killed)
        time.sleep(0.001)
        collect()


def _freeze(doomed: Callable[[], Set[int]]) -> Set[int]:
    frozen: Set[int] = set()
    while True:
        fresh = doomed() - frozen
        if not fresh:
            return frozen
        signal_all(fresh, signal.SIGSTOP)
        frozen |= fresh


def _children_by_parent() -> Dict[int, List[int]]:
    children: Dict[int, List[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            parent = _living_parent(name)
            if parent is not None:
                children.setdefault(parent, []).append(int(name))
    return children


def _living_parent(pid: str) -> Optional[int]:
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            state, parent = _state_and_parent(file.read(1024))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in DEAD_STATES else parent


def _state_and_parent(stat: bytes) -> Tuple[bytes, int]:
    fields = stat[stat.rindex(b")") + 2 :].split(None, 2)  # a command may contain spaces and parentheses
    return fields[0], int(fields[1])
