"""JSON that compares: the same value makes the same bytes."""

from __future__ import annotations

from collections.abc import Mapping

import orjson


def canonical(value: Mapping[str, object]) -> bytes:
    """With sorted names, in as many bytes of memory as it has: what orjson returns keeps a buffer of 4 KiB
    for as long as it lives, and of these there are many."""
    return bytes(memoryview(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)))
