"""Identifiers: UUIDv7 (RFC 9562 §5.7), so that they sort by age and are never used twice."""

from __future__ import annotations

import os
import threading
import time
from datetime import datetime
from typing import NewType
from uuid import UUID

TaskId = NewType("TaskId", UUID)
RunId = NewType("RunId", UUID)
SessionId = NewType("SessionId", UUID)
OutcomeId = NewType("OutcomeId", UUID)


_last = 0
_lock = threading.Lock()


def uuid7() -> UUID:
    """A fresh UUIDv7, greater than every one that this process made before (RFC 9562 §6.2): what is made
    together stays in order. Its time only orders pages and indexes; no decision ever reads it."""
    global _last
    with _lock:
        _last = max(_drawn(), _last + 1 + int.from_bytes(os.urandom(3), "big"))
        return UUID(int=_last)


def first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 that was made in that millisecond or later: to leave out what is older."""
    return UUID(int=(int(moment.timestamp() * 1000) & ((1 << 48) - 1)) << 80)


def _drawn() -> int:
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return value & ~(0x3 << 62) | 0x2 << 62
