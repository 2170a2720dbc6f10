"""What a definition, a due task and an annotation come to."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from nice_operator.domain.run import MissedSpan
from nice_operator.domain.task import CatchUp, Concurrency, ConcurrencyPolicy, TaskDefinition, TaskSpec
from nice_operator.engine.annotations import REQUESTED_AT, Asked, asked, counts
from nice_operator.engine.planning import plan_due, plan_put
from nice_operator.ports import DueTask
from tests.support.samples import NOON, a_spec, a_task

EVERY_20 = a_spec(schedules=("20 minutes",))
MINUTE = timedelta(minutes=1)
FORBID = Concurrency(ConcurrencyPolicy.FORBID, 1)


def defined(spec: TaskSpec | None, uid: str = "one", **more: object) -> TaskDefinition:
    return TaskDefinition("default", "hello", uid, 0, {}, spec, origin="hello.yaml:1", **more)  # type: ignore[arg-type]


def test_a_new_interval_is_due_at_first_sight_and_anchored_there() -> None:
    put = plan_put(defined(EVERY_20), None, NOON)
    assert (put.next_fire_at, put.anchor_at, put.missed) == (NOON, NOON, None)


def test_an_unchanged_schedule_keeps_what_is_due_and_its_anchor() -> None:
    known = a_task(EVERY_20, uid="one", next_fire_at=NOON + 20 * MINUTE)
    put = plan_put(defined(EVERY_20), known, NOON + 50 * MINUTE)
    assert (put.next_fire_at, put.anchor_at, put.missed) == (NOON + 20 * MINUTE, NOON, None)


def test_an_edit_tells_what_was_due_and_makes_no_fire_of_the_past() -> None:
    known = a_task(EVERY_20, uid="one", next_fire_at=NOON + 20 * MINUTE)
    put = plan_put(defined(a_spec(schedules=("30 minutes",))), known, NOON + 50 * MINUTE)
    assert put.next_fire_at == NOON + 60 * MINUTE
    assert put.missed == MissedSpan(NOON + 20 * MINUTE, NOON + 40 * MINUTE, 2)
    assert put.missed_reason == "ScheduleChanged"


def test_another_uid_of_the_same_name_is_a_new_task() -> None:
    known = a_task(EVERY_20, uid="another", next_fire_at=NOON + 20 * MINUTE)
    put = plan_put(defined(EVERY_20), known, NOON + 50 * MINUTE)
    assert (put.next_fire_at, put.anchor_at) == (NOON + 50 * MINUTE, NOON + 50 * MINUTE)


def test_a_suspended_task_is_never_due_and_tells_what_it_owed() -> None:
    known = a_task(EVERY_20, uid="one", next_fire_at=NOON + 20 * MINUTE)
    put = plan_put(defined(a_spec(schedules=("20 minutes",), suspend=True)), known, NOON + 21 * MINUTE)
    assert put.next_fire_at is None
    assert put.missed == MissedSpan(NOON + 20 * MINUTE, NOON + 20 * MINUTE, 1)


def test_a_stalled_definition_plans_nothing() -> None:
    put = plan_put(defined(None, stalled="no such zone"), None, NOON)
    assert (put.next_fire_at, put.anchor_at, put.missed) == (None, None, None)


@pytest.mark.parametrize(
    ("catch_up", "policy", "wait"),
    [(CatchUp.ALL, FORBID, True), (CatchUp.LATEST, FORBID, False)],
)
def test_only_fires_that_were_all_promised_wait_for_each_other(
    catch_up: CatchUp, policy: Concurrency, wait: bool
) -> None:
    spec = a_spec(schedules=("20 minutes",), catch_up=catch_up, concurrency=policy)
    plan = plan_due(DueTask(a_task(spec), NOON), NOON + 50 * MINUTE)
    assert plan is not None
    assert plan.wait_for_siblings is wait
    assert len(plan.fires) == (3 if wait else 1)
    assert plan.next_fire_at == NOON + 60 * MINUTE


@pytest.mark.parametrize(
    ("value", "first_sight", "runs"),
    [
        ("anything", False, True),
        ("anything", True, False),
        (NOON.isoformat(), True, True),
        ((NOON - MINUTE).isoformat(), True, False),
        ((NOON - MINUTE).isoformat(), False, True),
        ("2026-03-01T12:00:00", True, True),
    ],
)
def test_at_first_sight_only_a_time_since_the_task_was_made_counts(
    value: str, first_sight: bool, runs: bool
) -> None:
    made_at: datetime = NOON + timedelta(microseconds=5)
    assert counts(Asked(value, None), made_at, first_sight=first_sight) is runs


@pytest.mark.parametrize("annotations", [{}, {REQUESTED_AT: ""}, {REQUESTED_AT: "  "}])
def test_no_value_asks_for_nothing(annotations: dict[str, str]) -> None:
    assert asked(defined(EVERY_20, annotations=annotations)) is None
