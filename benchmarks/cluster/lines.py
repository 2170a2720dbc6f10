"""How soon a cluster does what it is told: Ready after an apply, a first line after a request or a moment."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from benchmarks.cluster import load
from benchmarks.cluster.calls import AuditTrail
from benchmarks.cluster.stage import NAMESPACE, Stage, external, say
from benchmarks.cluster.talk import talk
from benchmarks.figures import Figure, percentile
from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.objects import tasks_path
from nice_operator.engine.annotations import REQUESTED_AT
from tests.support.release import python_task, until

COUNT = 30
"""Fewer than history keeps of a task."""
FIRST_LINE = "import time\nFIRST_LINE = time.time_ns() // 1000\ndef run(payload):\n    return FIRST_LINE\n"
RAN = (
    "SELECT CAST(runs.result AS SIGNED), runs.scheduled_for FROM runs JOIN tasks ON tasks.id = runs.task_id "
    "WHERE runs.state = 'succeeded' AND runs.result IS NOT NULL AND tasks.name = '{}' ORDER BY runs.id"
)


def ready(stage: Stage) -> list[Figure]:
    """From the creation of a NiceTask to its first status, which says Ready."""
    trail = AuditTrail(stage.places)
    sent: dict[str, float] = {}
    for number in range(COUNT):
        name = f"ready-{number}"
        sent[name] = time.time()
        talk(stage, partial(KubeApi.create, path=tasks_path(NAMESPACE), body=external(name)))
        until(partial(_is_told, trail, name), f"{name} has a status")
    told = _told(trail)
    wrong = [name for name in sent if not load.is_ready(stage.release.task(name))]
    if wrong:
        raise RuntimeError(f"these have a status that does not say Ready=True: {', '.join(wrong)}")
    say(f"ready: {len(sent)} tasks")
    return _figures("apply → Ready", [(told[name] - at) * 1000 for name, at in sent.items()], "one at a time")


def annotation(stage: Stage) -> list[Figure]:
    """From the moment that the annotation is sent, to the first line of the module."""
    _apply(stage, python_task("asked", FIRST_LINE))
    sent: list[int] = []
    for number in range(COUNT):
        sent.append(time.time_ns() // 1000)
        body = {"metadata": {"annotations": {REQUESTED_AT: datetime.now(UTC).isoformat()}}}
        talk(stage, partial(KubeApi.merge, path=tasks_path(NAMESPACE, "asked"), body=body))
        until(_enough(stage, "asked", number + 1), f"request {number + 1} ran")
    say(f"annotation: {len(sent)} requests")
    ran = stage.sql(RAN.format("asked"))
    delays = [(int(row[0]) - at) / 1000 for row, at in zip(ran, sent, strict=True)]
    return _figures("annotation → first user line", delays, "warm worker in a pod")


def planned(stage: Stage) -> list[Figure]:
    """A task that is due every second, on a release with nothing else to do."""
    _apply(stage, python_task("tick", FIRST_LINE, schedule="1 second"))
    until(_enough(stage, "tick", COUNT), f"{COUNT} fires ran", COUNT * 2 + 30)
    ran = stage.sql(RAN.format("tick"))
    stage.kubectl("delete", "nicetask", "tick", "-n", NAMESPACE)
    say(f"schedule: {len(ran)} fires")
    delays = [(int(line) - int(moment)) / 1000 for line, moment in ran[1:]]
    return _figures("scheduled moment → first user line", delays, "every second, idle release")


def _told(trail: AuditTrail) -> dict[str, float]:
    """When each task's first status was answered."""
    told: dict[str, float] = {}
    for call in trail.calls():
        if call.resource == "nicetasks/status" and call.code == 200:
            told.setdefault(call.name, call.answered)
    return told


def _is_told(trail: AuditTrail, name: str) -> bool | None:
    return name in _told(trail) or None


def _apply(stage: Stage, task: dict[str, Any]) -> None:
    trail = AuditTrail(stage.places)
    name = task["metadata"]["name"]
    stage.apply(task)
    until(partial(_is_told, trail, name), f"{name} has a status")


def _enough(stage: Stage, task: str, count: int) -> Callable[[], bool | None]:
    return lambda: len(stage.sql(RAN.format(task))) >= count or None


def _figures(name: str, delays: Sequence[float], remark: str) -> list[Figure]:
    return [
        Figure(f"{name}, {word}", "ms", (percentile(delays, share),), remark=f"{len(delays)} times; {remark}")
        for share, word in ((0.5, "p50"), (0.99, "p99"))
    ]
