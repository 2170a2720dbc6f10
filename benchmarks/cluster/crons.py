"""The same small job as NiceTasks and as CronJobs of the same cluster: how late it starts, what it costs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from benchmarks.cluster.cost import Cost
from benchmarks.cluster.lines import FIRST_LINE, RAN
from benchmarks.cluster.stage import NAMESPACE, Stage, say
from benchmarks.figures import Figure, percentile
from tests.cluster.providers import NATIVE_IMAGES
from tests.support.release import python_task, until

JOBS = 4
"""At the same minute: as many as the default pool's worker has slots."""
MINUTES = 5
IDLE_SECONDS = 60.0
SETTLE_SECONDS = 20.0
"""From the last planned moment until all is done: results, statuses, pods that go."""
PROGRAM = "import time; print(time.time_ns() // 1000)"
LABEL = "nice-bench=cron"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
NAMES = [f"same-job-{number}" for number in range(JOBS)]

Delays = Sequence[float]


def measure(stage: Stage) -> list[Figure]:
    """One after the other, each for some minutes; what the idle cluster takes is subtracted."""
    before = Cost.now(stage.places)
    time.sleep(IDLE_SECONDS)
    idle = Cost.now(stage.places).rate_since(before)
    tasks = [python_task(name, FIRST_LINE, schedule="* * * * *") for name in NAMES]
    our_cost = _cost(stage, idle, tasks)
    ours = _delays_of_tasks(stage)
    say(f"cron: {len(ours)} runs of NiceTasks")
    their_cost = _cost(stage, idle, [_cron_job(name) for name in NAMES])
    theirs = _delays_of_cron_jobs(stage)
    say(f"cron: {len(theirs)} pods of CronJobs")
    return [*_figures("NiceTask", ours, our_cost), *_figures("CronJob", theirs, their_cost)]


def _cost(stage: Stage, idle: float, objects: Sequence[dict[str, Any]]) -> float:
    """Seconds of the whole cluster for each run. Nothing is asked meanwhile: that would cost more."""
    before = Cost.now(stage.places)
    stage.apply(*objects)
    last = (time.time() // 60 + MINUTES) * 60
    time.sleep(last + SETTLE_SECONDS - time.time())
    after = Cost.now(stage.places)
    return (after.since(before) - idle * (after.at - before.at)) / (JOBS * MINUTES)


def _delays_of_tasks(stage: Stage) -> Delays:
    """Milliseconds from the planned moment to the first line of each run."""

    def ran() -> list[list[str]] | None:
        found = [row for name in NAMES for row in stage.sql(RAN.format(name))]
        return found if len(found) >= JOBS * MINUTES else None

    found = until(ran, f"{JOBS * MINUTES} runs of NiceTasks", 120)
    stage.kubectl("delete", "nicetask", *NAMES, "-n", NAMESPACE)
    return [(int(line) - int(moment)) / 1000 for line, moment in found]


def _delays_of_cron_jobs(stage: Stage) -> Delays:
    """The same for the first line of each pod's log."""
    until(lambda: len(_ended(stage)) >= JOBS * MINUTES or None, "the CronJobs ran", 180)
    delays = [_delay(stage, job) for job in _ended(stage)]
    stage.kubectl("delete", "cronjob", "-l", LABEL, "-n", NAMESPACE, seconds=120)
    return delays


def _ended(stage: Stage) -> list[dict[str, Any]]:
    jobs = stage.kubectl.get("jobs", "-n", NAMESPACE, "-l", LABEL)["items"]
    return [job for job in jobs if job.get("status", {}).get("succeeded")]


def _delay(stage: Stage, job: dict[str, Any]) -> float:
    planned = datetime.fromisoformat(job["metadata"]["annotations"][SCHEDULED]).timestamp()
    line = stage.kubectl("logs", f"job/{job['metadata']['name']}", "-n", NAMESPACE)
    return int(line) / 1000 - planned * 1000


def _cron_job(name: str) -> dict[str, Any]:
    """Our own image and program, under the rules that pods of the namespace must keep."""
    key, _, value = LABEL.partition("=")
    container = {
        "name": "job",
        "image": f"{NATIVE_IMAGES}/runner:test",
        "command": ["python", "-c", PROGRAM],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": name, "labels": {key: value}},
        "spec": {
            "schedule": "* * * * *",
            "successfulJobsHistoryLimit": 2 * MINUTES,
            "jobTemplate": {"metadata": {"labels": {key: value}}, "spec": {"template": {"spec": pod}}},
        },
    }


def _figures(kind: str, delays: Delays, cost: float) -> list[Figure]:
    remark = f"{len(delays)} times, {JOBS} in the same minute"
    return [
        Figure(f"{kind}: planned moment → first line, p50", "ms", (percentile(delays, 0.5),), remark=remark),
        Figure(f"{kind}: planned moment → first line, p99", "ms", (percentile(delays, 0.99),), remark=remark),
        Figure(
            f"{kind}: the cluster's CPU for each run", "ms", (cost * 1000,),
            remark="all pods, control plane and node, less what is used while idle",
        ),
    ]  # fmt: skip
