"""Every state that the operator can write on an object, and what GitOps tools must conclude from it.

``kstatus`` is the verdict of Flux and kstatus, ``health`` that of Argo CD with our scripts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from nice_operator.cluster.pool_status import status_of as pool_status_of
from nice_operator.domain.pool import Pool
from nice_operator.domain.run import FINAL_STATES, Run, RunState
from nice_operator.domain.status import ENDED_STATES, TaskFacts, status_of
from nice_operator.domain.task import Task, TaskSpec
from nice_operator.engine.pool_report import Seen, report_of
from nice_operator.ports import Deployed
from nice_operator.resources import API_VERSION
from tests.support.samples import NOON, a_run, a_spec, a_task

UNSEEN = {"observedGeneration": -1}
"""What the schema's default makes of an object that nobody has looked at."""
FAR = datetime(2999, 1, 1, tzinfo=UTC)
STALL = "spec.timeZone: no such zone"


@dataclass(frozen=True)
class State:
    """``document`` is the object as the API server shows it."""

    name: str
    document: dict[str, Any]
    kstatus: str
    health: str


def task_states() -> list[State]:
    """Of NiceTasks."""
    return [*_unseen("NiceTask"), *_lasting(), *_once(), *_stalled_tasks()]


def pool_states() -> list[State]:
    """Of NiceWorkerPools."""
    return [*_unseen("NiceWorkerPool"), *_pools()]


def _unseen(kind: str) -> Iterator[State]:
    yield State(f"new {kind}", _object(kind, 1, UNSEEN), "InProgress", "Progressing")
    status = task_status(a_task()) if kind == "NiceTask" else pool_status(Seen(1, 0, 0, _deployed(1)))
    yield State(f"edited {kind}", _object(kind, 2, status), "InProgress", "Progressing")


def _lasting() -> Iterator[State]:
    """Tasks with a schedule or none, whatever became of their runs."""
    specs = {
        "manual": a_task(),
        "scheduled": a_task(a_spec(schedules=("@hourly",)), next_fire_at=NOON),
        "over": a_task(a_spec(schedules=("@hourly",))),
        "suspended": a_task(a_spec(schedules=("@hourly",), suspend=True)),
    }
    for (name, task), state in product(specs.items(), (None, *RunState)):
        runs = [] if state is None else [_run(state)]
        document = _object("NiceTask", 1, task_status(task, *runs), suspend=task.spec and task.spec.suspend)
        yield State(f"{name}, last run {state or 'none'}", document, "Current", "Healthy")


def _once() -> Iterator[State]:
    """Tasks with ``runAt``."""

    def state(name: str, health: str, planned: datetime | None, *runs: Run, active: int = 0) -> State:
        task = a_task(_runs_at(NOON), next_fire_at=planned)
        status = task_status(task, *runs, active=active)
        return State(f"once: {name}", _object("NiceTask", 1, status), "Current", health)

    yield state("its moment is far", "Healthy", FAR)
    yield state("its moment is over and nothing came yet", "Progressing", NOON)
    for run in sorted(set(RunState) - FINAL_STATES):
        yield state(f"its run is {run}", "Progressing", None, _run(run), active=1)
    for run in sorted(FINAL_STATES):
        health = "Healthy" if run is RunState.SUCCEEDED else "Degraded"
        yield state(f"its run {run}", health, None, _run(run))
    suspended = a_task(_runs_at(NOON, suspend=True))
    document = _object("NiceTask", 1, task_status(suspended), suspend=True)
    yield State("once: suspended", document, "Current", "Healthy")


def _stalled_tasks() -> Iterator[State]:
    for name, changes in {
        "with a version that goes on": {"generation": 1, "observed_generation": 2},
        "never valid": {"generation": 0, "observed_generation": 2},
    }.items():
        for spec in (a_spec(), a_spec(suspend=True), _runs_at(NOON)):
            task = a_task(spec, stalled=STALL, **changes)
            document = _object("NiceTask", 2, task_status(task), suspend=spec.suspend)
            yield State(f"stalled, {name}, {spec.run_at} {spec.suspend}", document, "Failed", "Degraded")


def _pools() -> Iterator[State]:
    def state(name: str, kstatus: str, health: str, seen: Seen) -> State:
        return State(f"pool: {name}", _object("NiceWorkerPool", 1, pool_status(seen)), kstatus, health)

    yield state("connected", "Current", "Healthy", Seen(2, 1, 5, _deployed(2)))
    yield state("scaled to zero", "Current", "Healthy", Seen(0, 0, 0, _deployed(0)))
    yield state("starting", "InProgress", "Progressing", Seen(0, 0, 3, _deployed(1)))
    yield state("not deployed yet", "InProgress", "Progressing", Seen(0, 0, 3, None))
    failing = Seen(0, 0, 3, _deployed(1), trouble="ImagePullBackOff")
    yield state("its pods fail", "InProgress", "Degraded", failing)
    for workers in (0, 1):
        refused = Seen(workers, 0, 0, None, refusal="spec.template: a hostPath")
        yield state(f"refused, {workers} workers", "Failed", "Degraded", refused)
        quota = Seen(workers, 0, 0, _deployed(1, failure="exceeded quota"))
        yield state(f"no pods are made, {workers} workers", "Failed", "Degraded", quota)


def task_status(task: Task, *runs: Run, active: int = 0) -> dict[str, Any]:
    """As the one writer writes it."""
    ended = next((run for run in runs if run.state in ENDED_STATES), None)
    return status_of(TaskFacts(task, active, runs, None, ended, None), {}, NOON)


def pool_status(seen: Seen) -> dict[str, Any]:
    """The same for a pool."""
    return pool_status_of({}, report_of(a_pool(), seen))


def a_pool(**changes: Any) -> Pool:
    """One that is in force."""
    values: dict[str, Any] = {
        "namespace": "default", "name": "reports", "uid": "u1", "generation": 1,
        "min": 0, "max": 5, "idle": timedelta(minutes=5), "slots": 4,
    }  # fmt: skip
    return Pool(**(values | changes))


def _runs_at(moment: datetime, **changes: Any) -> TaskSpec:
    return a_spec(run_at=moment, **changes)


def _run(state: RunState) -> Run:
    return a_run(state=state, reason="ExitCode" if state is RunState.FAILED else "")


def _deployed(replicas: int, failure: str = "") -> Deployed:
    return Deployed(replicas, 0, rolling=False, failure=failure)


def _object(
    kind: str, generation: int, status: dict[str, Any], suspend: bool | None = None
) -> dict[str, Any]:
    spec = {} if suspend is None else {"suspend": suspend}
    metadata = {"name": "x", "namespace": "default", "generation": generation}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def names(states: Sequence[State]) -> list[str]:
    """For the ids of tests."""
    return [state.name for state in states]
