"""Linux facilities that the standard library does not offer."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from typing import Iterable

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

SYS_CLOSE_RANGE = 436
"""The same on every architecture that Python runs on, since all new calls are numbered alike."""

LAST_DESCRIPTOR = 2**31 - 1

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def become_subreaper() -> None:
    """Orphaned descendants become children of this process instead of process 1's."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def give_up_new_privileges() -> None:
    """Neither this process nor what it executes can gain privileges (set-user-id programs included)."""
    _prctl(PR_SET_NO_NEW_PRIVS, 1)


def hide() -> None:
    """Let no other process of this user trace this one or read its memory and environment. Forks inherit
    it."""
    _prctl(PR_SET_DUMPABLE, 0)


def show() -> None:
    """Undo ``hide``, for code that expects an ordinary process."""
    _prctl(PR_SET_DUMPABLE, 1)


def die_with_parent() -> None:
    """Be killed when the parent dies. Only right for a parent of one thread: it means the forking thread."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def name_process(name: str) -> None:
    """The name that ``ps`` and ``top`` show, at most 15 bytes."""
    _libc.prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()), 0, 0, 0)


def close_range(first: int, last: int) -> None:
    """Close the descriptors from ``first`` to ``last``, both included, those that are open."""
    if first <= last and _libc.syscall(SYS_CLOSE_RANGE, first, last, 0) != 0:
        for name in os.listdir("/proc/self/fd"):  # a kernel before 5.9
            if first <= int(name) <= last:
                with suppress(OSError):  # one of them listed the directory and is closed already
                    os.close(int(name))


def close_all_but(kept: Iterable[int]) -> None:
    """Close every descriptor that is not in ``kept``."""
    first = 0
    for descriptor in sorted(kept):
        close_range(first, descriptor - 1)
        first = descriptor + 1
    close_all_from(first)


def close_all_from(first: int) -> None:
    """Close every descriptor that is not below ``first``."""
    close_range(first, LAST_DESCRIPTOR)
