"""One builder at a time in the cache, and nothing left there by a builder that was killed."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.places import cache

Inherited = tuple[int]
"""The descriptor of the lock, for ``pass_fds``: a builder's child that outlives it keeps the lock, too."""


@contextmanager
def alone(what: str, *folders: Path) -> Iterator[Inherited]:
    """Hold the lock ``what``; hidden entries of ``folders``, which only a dead builder can have left, go."""
    with (cache() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for folder in folders:
            for left in folder.glob(".*"):
                shutil.rmtree(left, ignore_errors=True)
        yield (lock.fileno(),)
