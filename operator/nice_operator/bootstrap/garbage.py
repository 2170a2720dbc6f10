"""How the garbage collector works once everything stands.

What was made at the start lives as long as the process: to look through it again and again took a quarter
of the processor time under load, and held everybody up for a tenth of a second each time.
"""

from __future__ import annotations

import gc

THRESHOLDS = (10_000, 20, 50)
"""New objects before a look at the young, and so many of these looks before one at the older (700, 10, 10
otherwise): the hundreds of requests under way are no garbage yet."""


def leave_what_stands() -> None:
    """Call it once, when the program is up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
