"""Wait for something to become true, with a deadline and a reason for whoever waited in vain."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.cluster.problem import Problem

PAUSE = 0.05
"""Seconds between two looks. Programs that we start from outside tell nothing, so we have to look."""


def until(what: str, true: Callable[[], bool], seconds: float, remedy: str = "") -> float:
    """Look until ``true()``; how long it took, in seconds. Raises ``Problem`` when the time is up."""
    started = time.monotonic()
    while not true():
        if time.monotonic() - started > seconds:
            raise Problem(f"{what}: not so after {seconds:g} s. {remedy}".strip())
        time.sleep(PAUSE)
    return time.monotonic() - started
