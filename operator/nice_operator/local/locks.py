"""Locks on files. The kernel drops them when their holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from nice_operator.domain.errors import Conflict
from nice_operator.domain.ids import SessionId


class OperatorLock:
    """The right to be the only operator on a data directory, held until ``release`` or death."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path) -> OperatorLock:
        """Take the lock. Raises Conflict, naming the holder's process, when another operator has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise Conflict(
                f"{path.parent} is in use by another operator (process {holder}); "
                "stop that one, or give this one data of its own with --data DIR"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True)
class WorkerHolder:
    """Who holds the worker's lock. Both are None while that worker is still starting."""

    session: SessionId | None
    pid: int | None


def read_worker_lock(path: Path) -> WorkerHolder | None:
    """The living holder of the worker's lock, or None when nobody holds it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _is_free(descriptor) else _parse_holder(os.pread(descriptor, 4096, 0))
    finally:
        os.close(descriptor)


def _is_free(descriptor: int) -> bool:
    """Probe with a shared lock, so that two probes never take each other for a holder."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _parse_holder(text: bytes) -> WorkerHolder:
    with suppress(ValueError, KeyError, TypeError):
        facts = json.loads(text)
        return WorkerHolder(SessionId(UUID(facts["session"])), int(facts["pid"]))
    return WorkerHolder(None, None)
