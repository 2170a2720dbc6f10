"""The local worker's lock: while it is held, runs of this worker may live; when it is free, none does."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

PATIENCE_SECONDS = 2.0
"""How long a lock in other hands is tried again: somebody may only be looking whether it is free."""


class LockHeld(Exception):
    """Another worker lives on these data."""


def take_lock(path: Path, session: str, name: str) -> int:
    """Take the lock and write who holds it. Returns the descriptor, which is held until it is closed
    everywhere: the zygote gets a copy of it, so that the lock outlives us for as long as our runs do."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
    except LockHeld:
        os.close(descriptor)
        raise
    holder = json.dumps({"session": session, "pid": os.getpid(), "name": name})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, holder.encode(), 0)
    return descriptor


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.pread(descriptor, 4096, 0).decode("utf-8", "replace") or "unknown"
                raise LockHeld(f"{path} is held by another worker: {holder}") from None
            time.sleep(0.02)
        else:
            return
