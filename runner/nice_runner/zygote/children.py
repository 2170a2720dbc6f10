"""Noticing that children ended: a descriptor that becomes readable at SIGCHLD."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Iterator, Tuple

IGNORED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGALRM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""A pod's SIGTERM is the supervisor's to handle; the others could come from a run that signals everybody."""


class ChildAlarm:
    """Readable (``fileno``) after a child changed. Make one per process: a fork inherits its parent's."""

    def __init__(self) -> None:
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self.descriptors = (self._reader, writer)

    def fileno(self) -> int:
        return self._reader

    def clear(self) -> None:
        """Make it silent until the next change."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)


def collect() -> Iterator[Tuple[int, int]]:
    """Collect every child that has ended: (process id, wait status)."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def ignore_signals() -> None:
    """Let nothing but SIGKILL and SIGSTOP disturb a zygote or a keeper."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)


def restore_signals() -> None:
    """Give user code what a fresh Python has."""
    signal.set_wakeup_fd(-1)
    for number in (*IGNORED, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
