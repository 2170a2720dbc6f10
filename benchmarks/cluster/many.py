"""Many NiceTasks: how soon they are recorded and told of, what they cost, and how a new leader begins."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable

from benchmarks.cluster import load, processes
from benchmarks.cluster.calls import AuditTrail, TimedCall
from benchmarks.cluster.leadership import TERM
from benchmarks.cluster.stage import Stage, say
from benchmarks.figures import Figure
from tests.support.release import until

WITHIN = 600.0
SETTLE_SECONDS = 15.0
IDLE_SECONDS = 30.0
RECORDED = "SELECT COUNT(*) FROM tasks WHERE name LIKE '{}%'"
LAST = "SELECT MAX(first_seen_at) FROM tasks WHERE name LIKE '{}%'"
TASKS, STATUSES = "nicetasks", "nicetasks/status"


def measure(stage: Stage) -> list[Figure]:
    """All of them are there when the operators start, as after an installation over existing objects."""
    prefix, replicas = _prefix(), len(stage.operators())
    stage.scale(0)
    created = _created(stage, prefix)
    trail = AuditTrail(stage.places)
    stage.scale(replicas)
    _await_recorded(stage, prefix)
    listed = _first(trail.calls(), "list").came
    recorded = stage.number(LAST.format(prefix)) / 1e6 - listed
    say(f"many: recorded {recorded:.1f} s after the listing's start")
    told = _await_told(stage, trail, prefix) - listed
    say(f"many: all have a status that says Ready {told:.1f} s after the listing's start")
    beside = f"from the listing's start; {created}"
    return [
        Figure(f"{stage.tasks:,} NiceTasks → all recorded", "s", (recorded,), 8.0, remark=beside),
        Figure(f"{stage.tasks:,} NiceTasks → all say Ready", "s", (told,), 30.0, remark=beside),
        *idle(stage),
        *_next_leader(stage),
    ]


def applied(stage: Stage) -> list[Figure]:
    """The operators are at work while they are created; the API server takes most of the time."""
    prefix, trail, began = _prefix(), AuditTrail(stage.places), time.time()
    created = _created(stage, prefix)
    ended = time.time()
    _await_recorded(stage, prefix)
    recorded = stage.number(LAST.format(prefix)) / 1e6 - ended
    told = _await_told(stage, trail, prefix) - ended
    remark = f"after the last was created; {created}"
    say(f"applied: recorded and told within {time.time() - began:.0f} s")
    return [
        Figure(f"{stage.tasks:,} NiceTasks applied → all recorded", "s", (recorded,), remark=remark),
        Figure(f"{stage.tasks:,} NiceTasks applied → all say Ready", "s", (told,), remark=remark),
    ]


def idle(stage: Stage) -> list[Figure]:
    """Of the leader, with all of them there and none due."""
    time.sleep(SETTLE_SECONDS)
    pid = processes.operator_of(stage.leader())
    now, most = processes.resident(pid)
    before, began = processes.cpu_of(pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    used = (processes.cpu_of(pid) - before) / (time.monotonic() - began) * 100
    count = f"{stage.tasks:,} NiceTasks"
    at_most, over = f"at most {most:.0f} MiB", f"over {IDLE_SECONDS:g} s"
    return [
        Figure(f"operator's memory with {count}", "MiB", (now,), 250.0, remark=at_most),
        Figure(f"operator's idle CPU with {count}", "% of a core", (used,), 2.0, remark=over),
    ]


def _next_leader(stage: Stage) -> list[Figure]:
    """The leader is killed; whoever follows finds nothing new."""
    before, trail = stage.number(TERM), AuditTrail(stage.places)
    os.kill(processes.operator_of(stage.leader()), signal.SIGKILL)
    began = time.time()
    until(lambda: stage.number(TERM) > before or None, "somebody leads", 90)
    leads = time.time() - began
    until(lambda: _watches(trail, began) or None, "the next leader watches", WITHIN)
    heard = _watches(trail, began)[0].came - began
    time.sleep(SETTLE_SECONDS)
    written = sum(1 for call in trail.calls() if call.resource == STATUSES)
    stage.release.ready()
    count = f"with {stage.tasks:,} NiceTasks"
    return [
        Figure(f"leader killed → next leader, {count}", "s", (leads,), 15.0),
        Figure(
            f"leader killed → changes are heard again, {count}", "s", (heard,),
            remark=f"nothing had changed; {written} statuses written in {SETTLE_SECONDS:g} s",
        ),
    ]  # fmt: skip


def _prefix() -> str:
    return f"many-{time.time_ns() // 1_000_000_000}-"


def _created(stage: Stage, prefix: str) -> str:
    began = time.time()
    load.create(stage, prefix)
    told = f"created within {time.time() - began:.0f} s by {load.CLIENTS} clients"
    say(f"many: {stage.tasks} {told}")
    return told


def _await_recorded(stage: Stage, prefix: str) -> None:
    until(lambda: stage.number(RECORDED.format(prefix)) >= stage.tasks or None, "all are recorded", WITHIN)


def _await_told(stage: Stage, trail: AuditTrail, prefix: str) -> float:
    """When the last of them got its first status. Raises RuntimeError unless each says Ready now."""
    until(lambda: len(_told(trail, prefix)) >= stage.tasks or None, "all have a status", WITHIN)
    ready = load.ready(stage, prefix)
    if ready < stage.tasks:
        raise RuntimeError(f"only {ready} of {stage.tasks} statuses say Ready=True; look at the others")
    return max(_told(trail, prefix).values())


def _told(trail: AuditTrail, prefix: str) -> dict[str, float]:
    told: dict[str, float] = {}
    for call in trail.calls():
        if call.resource == STATUSES and call.name.startswith(prefix) and call.code == 200:
            told.setdefault(call.name, call.answered)
    return told


def _first(calls: Iterable[TimedCall], verb: str) -> TimedCall:
    return next(call for call in calls if call.verb == verb and call.resource == TASKS)


def _watches(trail: AuditTrail, since: float) -> list[TimedCall]:
    """Of NiceTasks, begun since then. A watch is in the audit log when it began, too."""
    calls = (call for call in trail.calls() if call.verb == "watch" and call.resource == TASKS)
    return [call for call in calls if call.came > since]
