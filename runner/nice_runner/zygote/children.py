"""Noticing that children ended: a descriptor that becomes readable at SIGCHLD."""

from __future__ import annotations

import contextlib
import os
import signal
from contextlib import suppress
from typing import Iterator, Tuple


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


def restore_signals() -> None:
    """What a fresh Python has: every signal at its default, SIGINT an exception, SIGPIPE ignored."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with suppress(OSError, ValueError):  # the C library keeps a few real-time signals for itself
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
