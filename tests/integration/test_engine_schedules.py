"""Schedules and policies through the whole engine: each planned moment once, told for."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from nice_operator.domain.errors import Conflict, NotFound
from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState, Trigger
from nice_operator.engine.explain import Why
from nice_protocol.messages import Assign, Cancel
from tests.support.engine import Harness, MovableClock, running_engine
from tests.support.samples import REQUESTER


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_engine(tmp_path / "nice.db") as harness:
        yield harness


async def test_an_interval_fires_at_first_sight_and_then_on_its_grid(engine: Harness) -> None:
    worker = await engine.worker()
    worker.serve()
    task = await engine.task(schedule="20 minutes")
    (first,) = await engine.runs_when(task, 1)
    await engine.ended(first.id)
    engine.advance(20 * 60)
    second = (await engine.runs_when(task, 2))[-1]
    assert second.scheduled_for - first.scheduled_for == timedelta(minutes=20)
    assert second.requester.trigger is Trigger.SCHEDULE


async def test_downtime_is_made_up_for_by_one_run_and_the_rest_is_told(tmp_path: Path) -> None:
    path, clock = tmp_path / "nice.db", MovableClock()
    async with running_engine(path, clock=clock) as before:
        worker = await before.worker()
        worker.serve()
        task = await before.task(schedule="* * * * *")
    clock.offset += 3_600_000_000
    async with running_engine(path, clock=clock) as after:
        found = await after.runs_when(task, 2)
        missed, ran = sorted(found, key=lambda run: run.scheduled_for)[-2:]
        assert (missed.state, missed.reason) == (RunState.MISSED, "Superseded")
        assert missed.missed is not None
        planned = (ran.scheduled_for - missed.missed.first) / timedelta(minutes=1)
        assert missed.missed.count == planned


async def test_catching_up_all_runs_one_after_another_under_forbid(engine: Harness) -> None:
    task = await engine.task(schedule="* * * * *", catchUp="All", concurrencyPolicy="Forbid")
    engine.advance(5 * 60)
    found = await engine.runs_when(task, 5)
    assert Counter(run.state for run in found) == {RunState.QUEUED: len(found)}
    worker = await engine.worker(slots=4)
    await worker.credit(4)
    order = []
    for _ in found[:3]:
        run = await worker.expect(Assign)
        assert not worker.unread(Assign)
        await worker.begin(run)
        await worker.finish(run)
        order.append(run.run)
    assert order == [str(run.id) for run in sorted(found, key=lambda run: run.scheduled_for)[:3]]


async def test_forbid_skips_a_fire_and_names_the_run_in_the_way(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    task = await engine.task(schedule="20 minutes", timeoutAfter="1 hour")
    run = await worker.expect(Assign)
    await worker.begin(run)
    engine.liveness.alive.add(await only_session(engine))
    engine.advance(20 * 60)
    skipped = (await engine.runs_when(task, 2))[-1]
    assert (skipped.state, str(skipped.blocked_by)) == (RunState.SKIPPED, run.run)
    with pytest.raises(Conflict) as refusal:
        await engine.request(task)
    assert str(refusal.value.run) == run.run


async def only_session(engine: Harness) -> SessionId:
    (session,) = await engine.store.active_sessions()
    return session


async def test_replace_stops_the_old_run_at_once_and_starts_the_new_one(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(2)
    task = await engine.task(concurrencyPolicy="Replace")
    await engine.request(task)
    old = await worker.expect(Assign)
    await worker.begin(old)
    new = await engine.request(task)
    assert (await worker.expect(Cancel)).run == old.run
    await worker.finish(old, "cancelled", reason="Replaced")
    assert (await worker.expect(Assign)).run == str(new.id)


async def test_a_schedule_that_replaces_stops_the_old_run_at_once(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(2)
    await engine.task(schedule="20 minutes", concurrencyPolicy="Replace", timeoutAfter="1 hour")
    old = await worker.expect(Assign)
    await worker.begin(old)
    engine.liveness.alive.add(await only_session(engine))
    engine.advance(20 * 60)
    assert (await worker.expect(Cancel)).run == old.run


async def test_enqueue_runs_as_many_as_it_may_and_the_others_in_turn(engine: Harness) -> None:
    worker = await engine.worker(slots=5)
    await worker.credit(5)
    task = await engine.task(concurrencyPolicy="Enqueue", maxConcurrency=2)
    runs = [await engine.request(task) for _ in range(3)]
    first, second = await worker.expect(Assign), await worker.expect(Assign)
    assert {first.run, second.run} == {str(run.id) for run in runs[:2]}
    assert not worker.unread(Assign)
    assert (await engine.engine.tasks.explain(task)).reason is Why.STARTING
    await worker.begin(first)
    await worker.finish(first)
    assert (await worker.expect(Assign)).run == str(runs[2].id)


async def test_coalesce_keeps_one_waiting(engine: Harness) -> None:
    worker = await engine.worker(slots=5)
    await worker.credit(5)
    task = await engine.task(concurrencyPolicy="Coalesce")
    await engine.request(task)
    running = await worker.expect(Assign)
    await worker.begin(running)
    waiting = await engine.request(task)
    with pytest.raises(Conflict) as refusal:
        await engine.request(task)
    assert refusal.value.run == waiting.id
    await worker.finish(running)
    assert (await worker.expect(Assign)).run == str(waiting.id)


async def test_two_engines_on_one_database_fire_each_moment_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "nice.db", MovableClock()
    async with running_engine(path, clock=clock) as one, running_engine(path, clock=clock) as other:
        tasks = [await one.task(f"task-{number}", schedule="* * * * *") for number in range(10)]
        for _ in range(5):
            clock.offset += 60_000_000
            one.advance(0)
            other.advance(0)
            for task in tasks:
                await next_fire_is_in_the_future(one, task.name)
        for task in tasks:
            runs = await one.runs(task)
            fired = [run for run in runs if run.missed is None]
            assert len({run.scheduled_for for run in fired}) == len(fired)
            told = sum(run.missed.count for run in runs if run.missed)
            present = await one.engine.tasks.get("default", task.name)
            assert present.next_fire_at is not None
            assert task.next_fire_at is not None
            assert len(fired) + told == (present.next_fire_at - task.next_fire_at) / timedelta(minutes=1)


async def next_fire_is_in_the_future(engine: Harness, name: str) -> None:
    async with engine.engine.wakeups.subscribe("runs") as changed:
        for _ in range(100):
            task = await engine.engine.tasks.get("default", name)
            if task.next_fire_at is not None and task.next_fire_at > await engine.store.now():
                return
            await changed.wait(0.1)
    raise AssertionError(f"task {name} was not fired")


async def test_a_suspended_task_does_not_fire_and_tells_what_it_owed(engine: Harness) -> None:
    task = await engine.task(schedule="* * * * *")
    await engine.task(schedule="* * * * *", suspend=True)
    engine.advance(600)
    present = await engine.engine.tasks.get("default", "hello")
    assert present.next_fire_at is None
    assert (await engine.engine.tasks.explain(present)).reason is Why.SUSPENDED
    assert await engine.engine.tasks.upcoming(present, 5) == ()
    resumed = await engine.task(schedule="* * * * *")
    assert resumed.next_fire_at is not None
    assert resumed.next_fire_at > await engine.store.now()
    assert await engine.runs(task) == []


async def test_a_run_at_before_the_task_was_made_is_missed_and_told(engine: Harness) -> None:
    task = await engine.task(runAt="2020-01-01T00:00:00Z")
    (missed,) = await engine.runs(task)
    assert (missed.state, missed.reason) == (RunState.MISSED, "BeforeCreation")
    assert task.next_fire_at is None


async def test_a_run_at_in_the_future_runs_once(engine: Harness) -> None:
    at = (await engine.store.now() + timedelta(hours=1)).isoformat(timespec="seconds")
    task = await engine.task(runAt=at)
    engine.advance(3700)
    (run,) = await engine.runs_when(task, 1)
    assert run.requester.trigger is Trigger.RUN_AT
    engine.advance(3700)
    assert len(await engine.runs(task)) == 1


async def test_upcoming_fires_begin_with_the_next_one(engine: Harness) -> None:
    task = await engine.task(schedule="0 2 * * *", timeZone="Europe/Berlin")
    fires = await engine.engine.tasks.upcoming(task, 3)
    assert [fire.local.hour for fire in fires] == [2, 2, 2]
    assert fires[0].at == task.next_fire_at


async def test_a_deleted_task_is_not_found_and_its_waiting_run_is_cancelled(engine: Harness) -> None:
    run = await engine.request(await engine.task("doomed"))
    await engine.engine.tasks.delete("default", "doomed")
    with pytest.raises(NotFound):
        await engine.engine.tasks.get("default", "doomed")
    assert (await engine.ended(run.id)).state is RunState.CANCELLED
    assert await engine.engine.tasks.delete("default", "doomed") is None


async def test_a_misspelt_name_is_answered_with_the_nearest(engine: Harness) -> None:
    await engine.task("hello")
    with pytest.raises(NotFound, match="did you mean hello") as refusal:
        await engine.engine.tasks.get("default", "helo")
    assert refusal.value.nearest == ("hello",)


async def test_the_list_shows_last_runs_and_what_is_active(engine: Harness) -> None:
    task = await engine.task()
    run = await engine.request(task)
    (summary,) = await engine.engine.tasks.list()
    assert (summary.task.name, summary.active) == ("hello", 1)
    assert [one.id for one in summary.last_runs] == [run.id]


AT = "nicecommander.dev/run-requested-at"


async def test_an_annotation_asks_for_one_run_per_value(engine: Harness) -> None:
    now = await engine.store.now()
    first, second = ((now + timedelta(minutes=m)).isoformat() for m in (1, 2))
    for value in (first, first, second, first):
        task = await engine.task(metadata={"annotations": {AT: value}})
    runs = await engine.runs(task)
    assert [run.requester.trigger for run in runs] == [Trigger.ANNOTATION] * 2


async def test_a_copied_annotation_from_before_the_task_runs_nothing(engine: Harness) -> None:
    task = await engine.task(metadata={"annotations": {AT: "2020-01-01T00:00:00Z"}})
    assert await engine.runs(task) == []
    task = await engine.task(metadata={"annotations": {AT: "again, please"}})
    assert len(await engine.runs(task)) == 1


async def test_an_annotation_runs_nothing_again_after_its_run_is_history_no_more(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as engine:
        asked = (await engine.store.now() + timedelta(minutes=1)).isoformat()
        annotated = {"annotations": {AT: asked}}
        task = await engine.task(metadata=annotated, history={"succeeded": {"count": 1}})
        worker = await engine.worker()
        worker.serve()
        await worker.credit(4)
        (run,) = await engine.runs(task)
        await engine.ended(run.id)
        await engine.ended((await engine.request(task)).id)
        assert await engine.store.prune(10) == [run.id]
    async with running_engine(tmp_path / "nice.db") as engine:
        await engine.task(metadata=annotated, history={"succeeded": {"count": 1}})
        assert len(await engine.runs(task)) == 1


async def test_an_annotation_that_changed_while_nobody_looked_runs(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "nice.db") as engine:
        task = await engine.task(metadata={"annotations": {AT: "one"}})
        assert await engine.runs(task) == []
    async with running_engine(tmp_path / "nice.db") as engine:
        await engine.task(metadata={"annotations": {AT: "two"}})
        assert len(await engine.runs(task)) == 1


async def test_a_request_that_is_refused_is_not_tried_again_at_some_later_moment(
    engine: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    task = await engine.task(concurrencyPolicy="Forbid")
    run = await engine.request(task)
    await engine.task(concurrencyPolicy="Forbid", metadata={"annotations": {AT: "now"}})
    assert str(run.id) in caplog.text
    await engine.engine.runs.cancel(run.id, REQUESTER)
    await engine.task(concurrencyPolicy="Forbid", metadata={"annotations": {AT: "now"}})
    assert [one.id for one in await engine.runs(task)] == [run.id]
