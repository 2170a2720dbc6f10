"""What takes long is done in a thread, so that everybody else is served meanwhile.

Python code in a thread lets go of the interpreter every few milliseconds; reading JSON here calls back into
Python for every object and number, so it does, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LARGE = 16 * 1024
"""From so many characters on; below, a thread costs more than it saves."""


async def read_aside(read: Callable[[str], T], text: str) -> T:
    """What ``read`` makes of ``text``."""
    return read(text) if len(text) < LARGE else await asyncio.to_thread(read, text)
