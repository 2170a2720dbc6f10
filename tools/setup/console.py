"""What setup says, and how it fails: plain lines on standard error."""

from __future__ import annotations

import sys
import time


class Problem(Exception):
    """Setup cannot go on; ``str()`` names the thing, what was expected, what was found and the remedy."""


def say(line: str) -> None:
    """One line for the person who waits."""
    print(f"setup: {line}", file=sys.stderr, flush=True)


class Progress:
    """Tells how far a transfer is, beginning two seconds after it started: short ones stay silent."""

    QUIET_SECONDS = 2.0
    EVERY_SECONDS = 2.0

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._next = time.monotonic() + self.QUIET_SECONDS

    def at(self, done: int) -> None:
        """``done`` of the total bytes have arrived."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self.EVERY_SECONDS
        share = f" ({done * 100 // self._total} %)" if self._total else ""
        say(f"{self._what}: {done / 1e6:.1f} MB{share}")
