"""Workers of the stage: which to harm, and whether another stands in its place."""

from __future__ import annotations

import time

from tests.support.release import until
from tests.support.stage.containers import Pod
from tests.support.stage.stage import WORKER, Stage
from tests.support.stage.trial import Trial

_FRESH = """
    SELECT r.worker, COUNT(*) FROM runs r JOIN tasks t ON t.id = r.task_id
    WHERE r.state = 'running' AND t.living = 1 AND r.started_at > UNIX_TIMESTAMP(NOW(6)) * 1000000 - 2000000
    AND (t.name LIKE 'slow-%' OR t.name LIKE 'queue-%' OR t.name LIKE 'merge-%' OR t.name LIKE 'newest-%')
    GROUP BY r.worker
"""
"""Runs that began within the last two seconds and take three or more: they are in hand when harm comes."""


def busy_worker(stage: Stage, node: int | None = None, runs: int = 2) -> Pod:
    """A worker with so many fresh runs or more in hand."""

    def look() -> Pod | None:
        pods = [pod for pod in stage.pods(WORKER) if node is None or pod.node == f"node-{node}"]
        busy = {bytes(name).decode() for name, count in stage.rows(_FRESH) if count >= runs}
        return next((pod for pod in pods if pod.name in busy), None)

    return until(look, f"a worker has {runs} fresh runs in hand", 180)


def replaced(stage: Stage, pod: Pod, current: Trial) -> None:
    """Wait until another worker stands in its place."""
    began = time.monotonic()
    until(
        lambda: pod.name not in {each.name for each in stage.pods(WORKER)} or None, f"{pod.name} is gone", 120
    )
    stage.healthy()
    current.say(f"{pod.name} is replaced after {time.monotonic() - began:.1f} s")


def restarted(stage: Stage, pod: Pod, current: Trial) -> None:
    """Wait until one of its containers was started again, and everything is ready."""
    began = time.monotonic()
    until(lambda: _restarts(stage, pod) > pod.restarts or None, "the container is started again", 120)
    stage.healthy()
    current.say(f"a container of {pod.name} is back after {time.monotonic() - began:.1f} s")


def _restarts(stage: Stage, pod: Pod) -> int:
    return next((each.restarts for each in stage.pods(WORKER) if each.name == pod.name), 0)
