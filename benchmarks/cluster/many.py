"""Many NiceTasks: how soon they are recorded and told of, and what they cost while idle."""

from __future__ import annotations

import time

from benchmarks.cluster import load, processes
from benchmarks.cluster.calls import AuditTrail
from benchmarks.cluster.stage import Stage, say
from benchmarks.figures import Figure
from tests.support.release import until

WITHIN = 420.0
IDLE_SECONDS = 20.0
RECORDED = "SELECT COUNT(*) FROM tasks WHERE name LIKE '{}%'"


def measure(stage: Stage) -> list[Figure]:
    """All moments count from the first creation; the API server takes most of the time to create them."""
    prefix = f"many-{time.time_ns() // 1_000_000_000}-"
    trail = AuditTrail(stage.places)
    began = time.time()
    load.create(stage, prefix)
    created = time.time() - began
    say(f"many: {stage.tasks} created after {created:.0f} s")
    until(lambda: stage.number(RECORDED.format(prefix)) >= stage.tasks or None, "all are recorded", WITHIN)
    recorded = time.time() - began
    say(f"many: recorded after {recorded:.0f} s")
    until(lambda: len(_told(trail, prefix)) >= stage.tasks or None, "all have a status", WITHIN)
    told = max(_told(trail, prefix).values()) - began
    say(f"many: all have a status after {told:.0f} s")
    beside = f"created within {created:.0f} s by {load.CLIENTS} clients"
    return [
        Figure(f"{stage.tasks:,} NiceTasks → all recorded", "s", (recorded,), remark=beside),
        Figure(f"{stage.tasks:,} NiceTasks → all have a status", "s", (told,), remark=beside),
        *idle(stage),
    ]


def idle(stage: Stage) -> list[Figure]:
    """Of the leader, with all of them there and none due."""
    pid = processes.operator_of(stage.leader())
    now, most = processes.resident(pid)
    before, began = processes.cpu_of(pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    used = (processes.cpu_of(pid) - before) / (time.monotonic() - began) * 100
    return [
        Figure(
            f"operator's memory with {stage.tasks:,} NiceTasks",
            "MiB",
            (now,),
            remark=f"at most {most:.0f} MiB",
        ),
        Figure(
            f"operator's idle CPU with {stage.tasks:,} NiceTasks", "% of a core", (used,), remark="over 20 s"
        ),
    ]


def _told(trail: AuditTrail, prefix: str) -> dict[str, float]:
    told: dict[str, float] = {}
    for call in trail.calls():
        if call.resource == "nicetasks/status" and call.name.startswith(prefix) and call.code == 200:
            told.setdefault(call.name, call.answered)
    return told
