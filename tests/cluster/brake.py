"""Slow a program down: stopped for a part of every tenth of a second. ``brake.py PID PERCENT``, ended by
SIGTERM."""

from __future__ import annotations

import os
import signal
import sys
import threading

SLICE = 0.1


def main(pid: int, percent: int) -> None:
    """Until SIGTERM, or until the program is gone; it never stays stopped."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    try:
        while not ended.is_set():
            os.kill(pid, signal.SIGSTOP)
            ended.wait(SLICE * percent / 100)
            os.kill(pid, signal.SIGCONT)
            ended.wait(SLICE * (100 - percent) / 100)
    except ProcessLookupError:
        return
    os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
