"""Why a task is not running now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nice_operator.domain.ids import RunId, SessionId, uuid7
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.task import External, Task
from nice_operator.engine.explain import Pools, Why, explain
from nice_operator.engine.refusals import TaskVersion
from nice_operator.engine.workers import WorkerInfo
from tests.support.samples import NOON, a_run, a_spec, a_task

OTHER = RunId(uuid7())
SOON = NOON + timedelta(seconds=10)


def a_worker(**changes: Any) -> WorkerInfo:
    values: dict[str, Any] = {
        "session": SessionId(uuid7()),
        "worker": "w",
        "pool": "default",
        "labels": {},
        "slots": 4,
        "free": 4,
        "draining": False,
        "connected_at": NOON,
        "runs": (),
    }
    return WorkerInfo(**(values | changes))


UNWANTED = a_run()
REFUSED = a_worker(
    refusals={TaskVersion(UNWANTED.task_id, UNWANTED.generation): "should_host_run() said no: disk full"}
)
NEEDS_GPU = a_task(a_spec(worker_selector={"gpu": "yes"}))
QUEUE = "task:default/outside"
OUTSIDE = a_task(a_spec(execution=External(), queue=QUEUE))
CASES: list[tuple[Task, list[Run], list[WorkerInfo], Why, str]] = [
    (a_task(), [], [], Why.MANUAL, "runs when somebody asks"),
    (a_task(a_spec(schedules=("@daily",)), next_fire_at=NOON), [], [], Why.SCHEDULED, "12:00:00 UTC"),
    (a_task(a_spec(run_at=NOON)), [], [], Why.OVER, "no planned time left"),
    (a_task(a_spec(suspend=True)), [], [], Why.SUSPENDED, "suspend: false"),
    (a_task(a_spec(), next_fire_at=None), [a_run()], [], Why.NO_WORKER, "pool:default"),
    (NEEDS_GPU, [a_run()], [a_worker()], Why.NO_WORKER, "gpu=yes"),
    (NEEDS_GPU, [a_run()], [a_worker(labels={"gpu": "yes"})], Why.QUEUED, "at once"),
    (a_task(), [a_run()], [a_worker(draining=True)], Why.NO_WORKER, "pool:default"),
    (a_task(), [a_run()], [a_worker(free=0)], Why.WORKERS_BUSY, "1 worker"),
    (a_task(), [UNWANTED], [REFUSED], Why.NOT_ELIGIBLE, "w: should_host_run() said no: disk full"),
    (a_task(), [UNWANTED], [REFUSED, a_worker(free=0)], Why.WORKERS_BUSY, "1 worker"),
    (a_task(), [UNWANTED], [REFUSED, a_worker()], Why.QUEUED, "at once"),
    (a_task(), [a_run(blocked_by=OTHER)], [a_worker()], Why.BLOCKED, str(OTHER)),
    (
        a_task(),
        [a_run(attempt=1, message="exit 1", available_at=SOON)],
        [],
        Why.RETRY_LATER,
        "12:00:10 UTC: exit 1",
    ),
    (a_task(), [a_run(attempt=1, message="exit 1")], [], Why.NO_WORKER, "pool:default"),
    (a_task(), [a_run(available_at=SOON)], [a_worker()], Why.LATER, "12:00:10 UTC"),
    (a_task(), [a_run(available_at=SOON), a_run()], [a_worker(free=0)], Why.WORKERS_BUSY, "1 worker"),
    (OUTSIDE, [a_run(queue=QUEUE)], [a_worker()], Why.NO_WORKER, QUEUE),
    (
        OUTSIDE,
        [a_run(queue=QUEUE)],
        [a_worker(pool="external", queues={"task:default/b"})],
        Why.NO_WORKER,
        "",
    ),
    (
        OUTSIDE,
        [a_run(queue=QUEUE)],
        [a_worker(pool="external", queues={QUEUE}, free=0)],
        Why.WORKERS_BUSY,
        "",
    ),
    (OUTSIDE, [a_run(queue=QUEUE)], [a_worker(pool="external", queues={QUEUE})], Why.QUEUED, "at once"),
    (a_task(), [a_run()], [a_worker(pool="external", queues={QUEUE})], Why.NO_WORKER, "pool:default"),
    (a_task(), [a_run(state=RunState.CLAIMED)], [], Why.STARTING, "about to start"),
    (a_task(), [a_run(), a_run(state=RunState.RUNNING)], [], Why.RUNNING, "is running"),
]


@pytest.mark.parametrize(("task", "active", "workers", "why", "words"), CASES)
def test_each_state_has_its_word_and_names_what_holds_it_up(
    task: Task, active: list[Run], workers: list[WorkerInfo], why: Why, words: str
) -> None:
    explanation = explain(task, active, workers, now=NOON, pools=Pools())
    assert explanation.reason is why
    assert words in explanation.message


def test_a_task_that_never_had_a_good_version_says_what_is_wrong_with_it() -> None:
    task = a_task(stalled="time zone Mars/Base is not known")
    broken = type(task)(**{f: getattr(task, f) for f in task.__dataclass_fields__} | {"spec": None})
    assert "Mars/Base" in explain(broken, [], [], now=NOON, pools=Pools(every=True)).message


def test_a_worker_of_another_pool_helps_only_where_every_worker_serves_every_pool() -> None:
    other = a_worker(pool="batch")
    assert explain(a_task(), [a_run()], [other], now=NOON, pools=Pools()).reason is Why.NO_WORKER
    assert explain(a_task(), [a_run()], [other], now=NOON, pools=Pools(every=True)).reason is Why.QUEUED


def test_the_workers_of_the_default_pool_serve_tasks_that_name_none() -> None:
    worker = a_worker(pool="nice/default")
    pools = Pools(release_namespace="nice")

    assert explain(a_task(), [a_run()], [worker], now=NOON, pools=pools).reason is Why.QUEUED
    elsewhere = Pools(release_namespace="other")
    assert explain(a_task(), [a_run()], [worker], now=NOON, pools=elsewhere).reason is Why.NO_WORKER


def test_a_pool_that_does_not_take_the_task_is_the_reason_while_nobody_serves_its_queue() -> None:
    pools = Pools(trouble="there is no worker pool team-a/heavy")

    explanation = explain(a_task(), [a_run()], [], now=NOON, pools=pools)

    assert explanation.reason is Why.NO_POOL
    assert "team-a/heavy" in explanation.message
