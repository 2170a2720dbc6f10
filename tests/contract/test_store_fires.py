"""Firing: every planned moment is accounted for, exactly once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from nice_operator.domain.ids import uuid7
from nice_operator.domain.run import JsonObject, MissedSpan, RunState, Trigger
from nice_operator.domain.task import TaskSpec
from nice_operator.ports import FirePlan, PlannedFire, RunFilter
from nice_operator.store import SqlStore
from nice_operator.store.cursors import advance
from nice_operator.store.new_runs import admitted, planned
from nice_operator.store.recording import LARGE
from nice_operator.store.tables import runs as runs_table
from nice_operator.store.times import to_micros
from nice_operator.store.tx import Tx
from tests.support.stores import StoreHarness, read_spec


async def test_a_due_task_fires_once(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=10, payload='{"n":1}')
    assert (await harness.store.due_tasks(10))[1] == []
    harness.advance(10)
    now, (due,) = await harness.store.due_tasks(10)
    plan = await harness.plan(task, "c:1")

    assert await harness.store.fire([plan]) == 1
    assert await harness.store.fire([plan]) == 0

    (run,) = (await harness.store.list_runs(RunFilter())).runs
    assert (run.fire_key, run.state, run.payload) == ("c:1", RunState.QUEUED, '{"n":1}')
    assert (run.requester.trigger, run.scheduled_for) == (Trigger.SCHEDULE, due.due)
    fired = await harness.store.get_task_by_id(task.id)
    assert fired is not None
    assert (fired.fired, fired.next_fire_at) == (1, plan.next_fire_at)
    assert now == harness.now()


async def test_a_plan_of_an_older_version_does_nothing(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0)
    plan = await harness.plan(task, "c:1")
    await harness.put("a", due_in=0, priority=3)

    assert await harness.store.fire([plan]) == 0
    assert (await harness.store.list_runs(RunFilter())).runs == ()


async def test_a_suspended_task_is_neither_due_nor_fired(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0)
    plan = await harness.plan(task, "c:1")
    await harness.put("a", due_in=0, suspend=True)

    assert (await harness.store.due_tasks(10))[1] == []
    assert await harness.store.fire([plan]) == 0


async def test_a_moment_that_has_its_row_gets_no_second_one(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0)
    await harness.store.fire([await harness.plan(task, "c:1", "c:2")])

    assert await harness.store.fire([await harness.plan(task, "c:2", "c:3")]) == 1

    runs = (await harness.store.list_runs(RunFilter())).runs
    assert sorted(run.fire_key for run in runs) == ["c:1", "c:2", "c:3"]


async def test_missed_moments_share_one_row_with_their_span(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0)
    span = MissedSpan(harness.now() - timedelta(hours=2), harness.now() - timedelta(hours=1), 61)
    plan = await harness.plan(task, "c:1", missed=span, missed_reason="Superseded")

    await harness.store.fire([plan])

    runs = (await harness.store.list_runs(RunFilter(states=frozenset({RunState.MISSED})))).runs
    assert [(run.missed, run.reason, run.finished_at) for run in runs] == [
        (span, "Superseded", harness.now())
    ]
    assert "61 planned" in runs[0].message


async def test_a_fire_under_forbid_is_skipped_and_names_the_run_in_the_way(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0, policy="Forbid")
    first = (await harness.submit(task)).run

    await harness.store.fire([await harness.plan(task, "c:1")])

    (skipped,) = (await harness.store.list_runs(RunFilter(states=frozenset({RunState.SKIPPED})))).runs
    assert (skipped.blocked_by, skipped.reason) == (first.id, "Overlap")
    assert str(first.id) in skipped.message


async def test_fires_that_were_missed_together_run_one_after_another(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0, policy="Forbid")
    await harness.store.fire([await harness.plan(task, "c:1", "c:2", "c:3", wait_for_siblings=True)])
    worker = await harness.worker()

    order = []
    for _ in range(3):
        held = await worker.running()
        assert await worker.claim() == ()
        order.append((await harness.run(held.id)).fire_key)
        await worker.finish(held)

    assert order == ["c:1", "c:2", "c:3"]


async def test_missed_siblings_are_skipped_when_something_else_runs(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0, policy="Forbid")
    other = (await harness.submit(task)).run

    await harness.store.fire([await harness.plan(task, "c:1", "c:2", wait_for_siblings=True)])

    skipped = (await harness.store.list_runs(RunFilter(states=frozenset({RunState.SKIPPED})))).runs
    assert [run.blocked_by for run in skipped] == [other.id, other.id]


async def test_a_cursor_that_is_not_where_it_was_seen_is_not_moved(harness: StoreHarness) -> None:
    """The statement compares by itself, whoever forgot to lock."""
    task = await harness.put("a", due_in=0)
    plan = await harness.plan(task, "c:1")
    moved = [
        replace(plan, due=plan.due - timedelta(microseconds=1)),
        replace(plan, task=replace(plan.task, generation=plan.task.generation + 1)),
    ]

    for other in moved:
        with pytest.raises(RuntimeError, match="the lock is not held"):
            await harness.store.database.write(lambda tx, other=other: advance(tx, [other]))

    await harness.store.database.write(lambda tx: advance(tx, [plan]))
    after = await harness.store.get_task_by_id(task.id)
    assert after is not None
    assert (after.next_fire_at, after.fired) == (plan.next_fire_at, 1)


async def test_many_fires_of_every_kind_are_recorded_together(harness: StoreHarness) -> None:
    large = '"' + "x" * 2 * LARGE + '"'
    kinds: list[dict[str, Any]] = [
        {},
        {"policy": "Forbid"},
        {"payload": large},
        {"policy": "Enqueue", "limit": 1},
    ]
    tasks = [await harness.put(f"t{n}", due_in=0, **kinds[n % len(kinds)]) for n in range(80)]
    first = [await harness.plan(task, "c:1") for task in tasks]
    span = MissedSpan(harness.now() - timedelta(hours=2), harness.now() - timedelta(hours=1), 2)

    assert await harness.store.fire(first) == len(tasks)
    harness.advance(3600)
    again = [replace(await harness.plan(t, "c:2"), missed=span, missed_reason="TooLate") for t in tasks]
    assert await harness.store.fire(again) == len(tasks)

    runs = (await harness.store.list_runs(RunFilter(limit=1000))).runs
    found = Counter((run.state, run.blocked_by is not None, len(run.payload) > LARGE) for run in runs)
    assert found == {
        (RunState.QUEUED, False, False): 20 * 2 + 20 + 20,
        (RunState.QUEUED, False, True): 20 * 2,
        (RunState.QUEUED, True, False): 20,
        (RunState.SKIPPED, True, False): 20,
        (RunState.MISSED, False, False): 60,
        (RunState.MISSED, False, True): 20,
    }


async def test_fires_are_recorded_together_however_much_that_is(harness: StoreHarness) -> None:
    """As one statement these were 20 MB, more than a server takes."""
    large = json.dumps("x" * (LARGE - 10))
    tasks = [await harness.put(f"late-{number}", due_in=0, payload=large) for number in range(26)]
    plans = [await harness.plan(task, *(f"c:{number}" for number in range(100))) for task in tasks]

    assert await harness.store.fire(plans) == 26

    for task in tasks:
        found = await harness.store.list_runs(RunFilter(task_id=task.id, limit=101))
        assert [run.payload for run in found.runs] == [large] * 100


async def test_what_will_be_due_is_read_before_it_is(harness: StoreHarness) -> None:
    parsed: list[str] = []

    def parse(manifest: JsonObject, *, namespace: str, name: str) -> TaskSpec:
        parsed.append(name)
        return read_spec(manifest, namespace=namespace, name=name)

    for name, due_in in (("early", 5), ("soon", 10), ("late", 20)):
        await harness.put(name, due_in=due_in)
    store = await harness.open_another(parse)

    await store.get_ready(harness.now() + timedelta(seconds=5), harness.now() + timedelta(seconds=15))

    assert parsed == ["soon"]
    harness.advance(10)
    assert {due.task.name for due in (await store.due_tasks(10))[1]} == {"early", "soon"}
    assert parsed == ["soon", "early"]


async def test_servers_that_fire_the_same_tasks_at_once_make_one_run_each(harness: StoreHarness) -> None:
    stores = [harness.store, await harness.open_another(), await harness.open_another()]
    tasks = [await harness.put(f"t{n}", due_in=0) for n in range(20)]

    held = 0
    for _ in range(5):
        plans = [await _plans(store) for store in stores]
        held += sum(
            await asyncio.gather(*(store.fire(plan) for store, plan in zip(stores, plans, strict=True)))
        )

    assert held == 5 * len(tasks)
    runs = (await harness.store.list_runs(RunFilter(limit=1000))).runs
    assert set(Counter((run.task_id, run.fire_key) for run in runs).values()) == {1}
    assert len(runs) == held


async def test_the_same_race_without_guards_makes_doubles(harness: StoreHarness) -> None:
    """The control: were it not for the guards, the test above would see what it looks for."""
    stores = [harness.store, await harness.open_another(), await harness.open_another()]
    tasks = [await harness.put(f"t{n}", due_in=0) for n in range(20)]
    plans = [await _plans(store) for store in stores]

    await asyncio.gather(*(_fire_unguarded(*each) for each in zip(stores, plans, strict=True)))

    runs = (await harness.store.list_runs(RunFilter(limit=1000))).runs
    assert set(Counter((run.task_id, run.scheduled_for) for run in runs).values()) == {3}
    assert len(runs) == 3 * len(tasks)


async def _fire_unguarded(store: SqlStore, plans: list[FirePlan]) -> None:
    """Neither the cursor is compared nor the key: each server believes what it read."""

    def insert(tx: Tx) -> None:
        for plan in plans:
            assert plan.task.spec is not None
            (fire,) = plan.fires
            key, at = f"c:{uuid7()}", to_micros(fire.at)
            draft = planned(plan.task.id, plan.task.generation, plan.task.spec, key, at, tx.now)
            tx.write(sa.insert(runs_table), [admitted(draft, None)])

    await store.database.write(insert)


async def _plans(store: SqlStore) -> list[FirePlan]:
    """What each server would do; the next moment is due at once, so that all of them go on racing."""
    _, found = await store.due_tasks(100)
    plans = []
    for due in found:
        fire = PlannedFire(f"c:{due.task.fired}", due.due)
        plans.append(FirePlan(due.task, due.due, due.due - timedelta(microseconds=1), (fire,)))
    return plans
