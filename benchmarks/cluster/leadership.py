"""How soon somebody leads again after the leader was killed."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

from benchmarks.cluster import processes
from benchmarks.cluster.stage import Stage, say
from benchmarks.figures import Figure
from tests.support.release import until

TIMES = 3
TERM = "SELECT number FROM leader"


def measure(stage: Stage) -> list[Figure]:
    """From SIGKILL to the next term in the database; looked at every fifth of a second and a kubectl."""
    values: list[float] = []
    for _ in range(TIMES):
        before = stage.number(TERM)
        os.kill(processes.operator_of(stage.leader()), signal.SIGKILL)
        began = time.monotonic()
        until(partial(_later, stage, before), "somebody leads", 90)
        values.append(time.monotonic() - began)
        say(f"leadership: again after {values[-1]:.1f} s")
        stage.release.ready()
    return [Figure("leader killed → next leader", "s", tuple(values), remark=f"{TIMES} times")]


def _later(stage: Stage, before: int) -> bool | None:
    return stage.number(TERM) > before or None
