"""Identifiers: UUIDv7 (RFC 9562 §5.7), so that they sort by age and are never used twice."""

from __future__ import annotations

import os
import time
from typing import NewType
from uuid import UUID

TaskId = NewType("TaskId", UUID)
RunId = NewType("RunId", UUID)
SessionId = NewType("SessionId", UUID)
OutcomeId = NewType("OutcomeId", UUID)


def uuid7() -> UUID:
    """A fresh UUIDv7. Its time only orders pages and indexes; no decision ever reads it."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (milliseconds & ((1 << 48) - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)
