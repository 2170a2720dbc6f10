"""Definitions: level-triggered, by uid and generation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from nice_operator.domain.errors import InvalidInput, TaskChanged
from nice_operator.domain.run import MissedSpan, RunState
from nice_operator.ports import Basis, PutTask, RunFilter
from tests.support.stores import StoreHarness


async def test_the_same_definition_twice_changes_nothing(harness: StoreHarness) -> None:
    first = await harness.put("a", due_in=10)
    harness.advance(5)

    again = await harness.put("a", due_in=99)

    assert again == first


async def test_a_changed_manifest_is_the_next_generation(harness: StoreHarness) -> None:
    await harness.put("a", priority=1)

    changed = await harness.put("a", due_in=7, priority=True)

    assert (changed.generation, changed.observed_generation) == (2, 2)
    assert changed.manifest == {"priority": True}
    assert await harness.store.get_version(changed.id, 1) == {"priority": 1}


async def test_an_older_generation_changes_nothing(harness: StoreHarness) -> None:
    await harness.store.put_task(harness.definition("a", generation=5, priority=5))

    kept = await harness.store.put_task(harness.definition("a", generation=4, priority=4))

    assert (kept.generation, kept.manifest) == (5, {"priority": 5})


async def test_a_stalled_version_leaves_the_last_good_one_at_work(harness: StoreHarness) -> None:
    good = await harness.put("a", due_in=10, priority=1)

    stalled = await harness.store.put_task(_stalled(harness, priority="high"))

    assert (stalled.generation, stalled.observed_generation) == (1, 2)
    assert (stalled.spec, stalled.next_fire_at) == (good.spec, good.next_fire_at)
    assert stalled.stalled == "no such zone"


async def test_a_mended_version_of_the_same_generation_takes_effect(harness: StoreHarness) -> None:
    await harness.store.put_task(_stalled(harness, priority=1))

    mended = await harness.put("a", due_in=3, priority=1)

    assert (mended.generation, mended.observed_generation, mended.stalled) == (1, 1, "")
    assert mended.spec is not None
    assert mended.next_fire_at is not None


async def test_a_task_that_never_was_good_shows_what_was_written(harness: StoreHarness) -> None:
    task = await harness.store.put_task(_stalled(harness, priority="high"))

    assert (task.generation, task.spec, task.manifest) == (0, None, {"priority": "high"})
    assert await harness.store.list_tasks() == [task]


async def test_a_new_uid_under_an_old_name_is_a_new_task(harness: StoreHarness) -> None:
    old = await harness.put("a")
    waiting = await harness.submit(old)

    new = await harness.put("a", uid="uid-2")

    assert new.id != old.id
    assert await harness.store.get_task("default", "a") == new
    gone = await harness.store.get_task_by_id(old.id)
    assert gone is not None
    assert gone.deleted_at == harness.now()
    assert (await harness.run(waiting.run.id)).state is RunState.CANCELLED


async def test_a_deleted_uid_that_comes_back_has_its_history(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=5)
    await harness.store.delete_task(task.id)

    back = await harness.put("a", due_in=50)

    assert back.id == task.id
    assert back.deleted_at is None
    assert back.next_fire_at != task.next_fire_at


async def test_a_task_name_in_use_is_refused_and_its_owner_named(harness: StoreHarness) -> None:
    await harness.put("a", taskName="send mail")

    with pytest.raises(InvalidInput, match="taskName of task 'a'") as refusal:
        await harness.put("b", taskName="send mail")

    assert refusal.value.problems[0].field == "spec.taskName"
    assert await harness.store.get_task("default", "b") is None


@pytest.mark.parametrize("twin", ["Job", "job ", "jób", "jo"])
async def test_names_that_only_look_alike_are_different_tasks(harness: StoreHarness, twin: str) -> None:
    first = await harness.put("a", taskName="job")
    second = await harness.put("b", taskName=twin)

    assert await harness.store.find_task("default", "job") == first
    assert await harness.store.find_task("default", twin) == second


async def test_deleting_a_task_ends_what_waits_and_asks_what_runs_to_stop(harness: StoreHarness) -> None:
    task = await harness.put("a", due_in=0)
    worker = await harness.worker()
    await harness.submit(task)
    running = await worker.running()
    queued = (await harness.submit(task)).run

    await harness.store.delete_task(task.id)

    assert (await harness.run(running.id)).cancel_requested_at == harness.now()
    ended = await harness.run(queued.id)
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "TaskDeleted")
    assert await harness.store.next_due() is None
    assert await harness.store.delete_task(task.id) is None


async def test_what_a_new_version_makes_impossible_is_told_once(harness: StoreHarness) -> None:
    put = harness.definition("a")
    span = MissedSpan(harness.now(), harness.now(), 1)
    put = replace(put, missed=span, missed_reason="BeforeCreation")

    task = await harness.store.put_task(put)
    await harness.store.put_task(put)

    (row,) = (await harness.store.list_runs(RunFilter(task_id=task.id))).runs
    assert (row.state, row.reason, row.missed) == (RunState.MISSED, "BeforeCreation", span)


async def test_a_version_that_was_planned_before_a_fire_is_refused_and_writes_nothing(
    harness: StoreHarness,
) -> None:
    """Else the moment would be fired, and told as missed by the plan that did not know."""
    task = await harness.put("a", due_in=0)
    planned_on = Basis(task.id, task.generation, task.next_fire_at)
    span = MissedSpan(harness.now(), harness.now(), 1)
    edit = replace(
        harness.definition("a", priority=1), basis=planned_on, missed=span, missed_reason="TooLate"
    )
    await harness.store.fire([await harness.plan(task, "c:1")])

    with pytest.raises(TaskChanged, match="plan it again"):
        await harness.store.put_task(edit)
    kept = await harness.store.get_task_by_id(task.id)
    assert kept is not None
    again = replace(edit, basis=Basis(kept.id, kept.generation, kept.next_fire_at), missed=None)
    changed = await harness.store.put_task(again)

    assert (kept.generation, changed.generation) == (1, 2)
    (run,) = (await harness.store.list_runs(RunFilter(task_id=task.id))).runs
    assert run.fire_key == "c:1"


async def test_a_version_that_drops_a_moment_which_became_due_since_is_refused(harness: StoreHarness) -> None:
    """Else nothing would tell of it: it was still to come when the plan was made."""
    task = await harness.put("a", due_in=5)
    planned_on = Basis(task.id, task.generation, task.next_fire_at)
    suspended = replace(harness.definition("a", suspend=True), basis=planned_on)
    kept = replace(harness.definition("a", priority=1), basis=planned_on, next_fire_at=task.next_fire_at)
    harness.advance(6)

    with pytest.raises(TaskChanged):
        await harness.store.put_task(suspended)

    assert (await harness.store.put_task(kept)).generation == 2


async def test_a_version_that_tells_of_another_moment_drops_none_untold(harness: StoreHarness) -> None:
    """An edit may bring a runAt that is late already, and is told, while the old moment is still to come."""
    task = await harness.put("a", due_in=5)
    late = MissedSpan(harness.now() - timedelta(hours=1), harness.now() - timedelta(hours=1), 1)
    edit = replace(
        harness.definition("a", priority=1),
        basis=Basis(task.id, task.generation, task.next_fire_at),
        missed=late,
        missed_reason="ScheduleChanged",
    )
    harness.advance(6)

    with pytest.raises(TaskChanged):
        await harness.store.put_task(edit)

    assert task.next_fire_at is not None
    told = MissedSpan(task.next_fire_at, task.next_fire_at, 1)
    assert (await harness.store.put_task(replace(edit, missed=told))).generation == 2
    (run,) = (await harness.store.list_runs(RunFilter(task_id=task.id))).runs
    assert run.missed == told


@pytest.mark.parametrize("late", [False, True], ids=["fired", "due since"])
async def test_versions_recorded_together_are_refused_when_their_plan_is_outdated(
    harness: StoreHarness, late: bool
) -> None:
    made = [await harness.put(f"t-{number}", due_in=5) for number in range(3)]
    edits = [
        replace(
            harness.definition(f"t-{number}", generation=2, suspend=True),
            basis=Basis(task.id, task.generation, task.next_fire_at),
        )
        for number, task in enumerate(made)
    ]
    if late:
        harness.advance(6)
    else:
        await harness.store.fire([await harness.plan(task, f"c:{n}") for n, task in enumerate(made)])

    puts = (harness.store.put_task(edit) for edit in edits)
    answers = await asyncio.gather(*puts, return_exceptions=True)

    assert [type(answer) for answer in answers] == [TaskChanged] * 3


async def test_a_plan_for_a_new_task_is_refused_when_somebody_else_has_made_it(harness: StoreHarness) -> None:
    await harness.put("a", due_in=5)

    with pytest.raises(TaskChanged):
        await harness.store.put_task(replace(harness.definition("a", priority=1), basis=Basis()))


def _stalled(harness: StoreHarness, **manifest: object) -> PutTask:
    put = harness.definition("a")
    broken = replace(put.definition, spec=None, manifest=manifest, stalled="no such zone")
    return PutTask(broken, None, None)
