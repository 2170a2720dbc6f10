"""Why a task is not running now, in words. Pure: looks only at what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from nice_operator.domain.ids import RunId
from nice_operator.domain.pool import queues_of
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.selector import canonical, satisfied
from nice_operator.domain.task import EXTERNAL_WORKERS, POOL_QUEUE, Task, TaskSpec
from nice_operator.engine.refusals import TaskVersion
from nice_operator.engine.workers import WorkerInfo

SHOWN = 3
"""Workers whose reasons are told one by one."""


class Why(StrEnum):
    """The word for programs."""

    RUNNING = "Running"
    STARTING = "Starting"
    BLOCKED = "Blocked"
    RETRY_LATER = "RetryLater"
    LATER = "Later"
    NO_POOL = "NoPool"
    NO_WORKER = "NoWorker"
    NOT_ELIGIBLE = "NotEligible"
    WORKERS_BUSY = "WorkersBusy"
    QUEUED = "Queued"
    STALLED = "Stalled"
    SUSPENDED = "Suspended"
    SCHEDULED = "Scheduled"
    OVER = "ScheduleOver"
    MANUAL = "Manual"


@dataclass(frozen=True, slots=True)
class Explanation:
    """``message`` says what holds the task up and what would help; ``run`` is the run it speaks of."""

    reason: Why
    message: str
    run: RunId | None = None


@dataclass(frozen=True, slots=True)
class Pools:
    """What pools mean here. ``every``: each worker serves every pool; ``release_namespace`` as in
    EngineSettings; ``trouble``: why the task's pool will not run it, "" when it will."""

    every: bool = False
    release_namespace: str = ""
    trouble: str = ""


def explain(
    task: Task, active: Sequence[Run], workers: Sequence[WorkerInfo], *, now: datetime, pools: Pools
) -> Explanation:
    """``active``: the task's queued, claimed and running runs; the one furthest on is explained. ``now`` is
    the database's."""
    running = [run for run in active if run.state is RunState.RUNNING]
    if running:
        return Explanation(Why.RUNNING, f"run {running[0].id} is running", running[0].id)
    claimed = [run for run in active if run.state is RunState.CLAIMED]
    if claimed:
        return Explanation(Why.STARTING, f"run {claimed[0].id} is about to start", claimed[0].id)
    if active and task.spec:
        waiting = min(active, key=lambda run: (run.available_at > now, run.id))
        return _of_time(waiting, task.spec, now) or _of_workers(waiting, task.spec, workers, pools)
    return _of_idle(task)


def _of_time(run: Run, spec: TaskSpec, now: datetime) -> Explanation | None:
    """What holds a queued run up before any worker is asked."""
    if run.blocked_by is not None:
        text = f"run {run.id} waits for run {run.blocked_by} (concurrencyPolicy: {spec.concurrency.policy})"
        return Explanation(Why.BLOCKED, text, run.id)
    if run.available_at <= now:
        return None
    when = f"{run.available_at:%Y-%m-%d %H:%M:%S} UTC"
    if run.attempt:
        return Explanation(Why.RETRY_LATER, f"run {run.id} is tried again at {when}: {run.message}", run.id)
    return Explanation(Why.LATER, f"run {run.id} was asked for at {when}", run.id)


def _of_workers(run: Run, spec: TaskSpec, workers: Sequence[WorkerInfo], pools: Pools) -> Explanation:
    able = [worker for worker in workers if _can_run(worker, spec, run.queue, pools)]
    if not able and pools.trouble:
        return Explanation(Why.NO_POOL, f"run {run.id} waits: {pools.trouble}", run.id)
    if not able:
        wanted = f" with the labels {canonical(spec.worker_selector)}" if spec.worker_selector else ""
        text = f"run {run.id} waits: no worker{wanted} is connected for {run.queue}"
        return Explanation(Why.NO_WORKER, text, run.id)
    version = TaskVersion(run.task_id, run.generation)
    willing = [worker for worker in able if version not in worker.refusals]
    if not willing:
        return Explanation(Why.NOT_ELIGIBLE, _refused(run, version, able), run.id)
    if not any(worker.free for worker in willing):
        text = f"run {run.id} waits: all slots of {len(willing)} worker(s) for {run.queue} are taken"
        return Explanation(Why.WORKERS_BUSY, text, run.id)
    return Explanation(Why.QUEUED, f"run {run.id} is queued and will be given to a worker at once", run.id)


def _refused(run: Run, version: TaskVersion, workers: Sequence[WorkerInfo]) -> str:
    reasons = "; ".join(f"{worker.worker}: {worker.refusals[version]}" for worker in workers[:SHOWN])
    more = f"; and {len(workers) - SHOWN} more" if len(workers) > SHOWN else ""
    return (
        f"run {run.id} waits: the task wants none of the connected workers for {run.queue} "
        f"({reasons}{more}). Each is asked again after a minute"
    )


def _can_run(worker: WorkerInfo, spec: TaskSpec, queue: str, pools: Pools) -> bool:
    if worker.pool == EXTERNAL_WORKERS:
        return queue in worker.queues
    served = queues_of(worker.pool, pools.release_namespace)
    serves = queue.startswith(POOL_QUEUE) if pools.every else queue in served
    return serves and not worker.draining and satisfied(canonical(spec.worker_selector), worker.labels)


def _of_idle(task: Task) -> Explanation:
    name = f"task {task.namespace}/{task.name}"
    spec = task.spec
    if spec is None:
        return Explanation(Why.STALLED, f"{name} cannot run: {task.stalled}")
    if spec.suspend:
        return Explanation(Why.SUSPENDED, f"{name} is suspended; set suspend: false to resume it")
    if task.next_fire_at is not None:
        return Explanation(Why.SCHEDULED, f"{name} runs next at {task.next_fire_at:%Y-%m-%d %H:%M:%S} UTC")
    if spec.scheduled:
        return Explanation(Why.OVER, f"{name} has no planned time left; it runs when somebody asks")
    return Explanation(Why.MANUAL, f"{name} has no schedule; it runs when somebody asks")
