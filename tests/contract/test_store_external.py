"""What the store does for workers outside: taking, scheduled jobs, shared keys, undeclared tasks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.ids import RunId, SessionId, uuid7
from nice_operator.domain.run import HostFacts, RunState
from nice_operator.domain.task import EXTERNAL_WORKERS, UNDECLARED, Task
from nice_operator.ports import (
    ClaimRequest,
    FinishDecision,
    HeldRun,
    NewRun,
    OpenSession,
    PutTask,
    Submitted,
)
from tests.support.samples import an_outcome
from tests.support.stores import CALLER, StoreHarness

QUEUE = "task:default/work"
HOST = HostFacts("")


async def a_session(harness: StoreHarness) -> OpenSession:
    """A worker outside."""
    session = SessionId(uuid7())
    opened = OpenSession(session, f"external-{session.hex}", EXTERNAL_WORKERS, {}, 0)
    await harness.store.open_session(opened)
    return opened


def wants(session: OpenSession, free: int, *queues: str) -> ClaimRequest:
    return ClaimRequest(session.id, session.worker, free, queues or (QUEUE,))


async def submit(harness: StoreHarness, task: Task, *, later: float | None = None) -> Submitted:
    """A request; one for later is a scheduled job."""
    run_id = RunId(uuid7())
    at = None if later is None else harness.now() + timedelta(seconds=later)
    key = f"m:{run_id}" if later is None else f"s:{run_id}"
    return await harness.store.submit(
        NewRun(run_id, task, key, "null", CALLER, available_at=at, payload_given=later is None)
    )


async def test_what_is_taken_is_running_and_held(harness: StoreHarness) -> None:
    task = await harness.put("work", queue=QUEUE)
    run = (await submit(harness, task)).run
    session = await a_session(harness)

    (taken,) = await harness.store.take([wants(session, 5)], HOST)

    stored = await harness.store.get_run(run.id)
    assert stored == taken.run
    assert (taken.run.state, taken.run.epoch, taken.run.attempt) == (RunState.RUNNING, 1, 1)
    assert taken.run.session == session.id
    (attempt,) = await harness.store.attempts(run.id)
    assert (attempt.session, attempt.epoch, attempt.state) == (session.id, 1, None)
    assert await harness.store.external_sessions() == {session.id}


async def test_nobody_gets_more_than_it_asked_for_and_everybody_gets_some(harness: StoreHarness) -> None:
    task = await harness.put("work", queue=QUEUE)
    asked = [(await submit(harness, task)).run.id for _ in range(7)]
    one, two, three = [await a_session(harness) for _ in range(3)]

    taken = await harness.store.take([wants(one, 3), wants(two, 1), wants(three, 1)], HOST)

    by_session = [sum(claimed.run.session == s.id for claimed in taken) for s in (one, two, three)]
    assert by_session == [3, 1, 1]
    assert sorted(claimed.run.id for claimed in taken) == asked[:5]


async def test_a_worker_gets_jobs_of_its_own_queues_alone(harness: StoreHarness) -> None:
    await submit(harness, await harness.put("a", queue="task:default/a"))
    await submit(harness, await harness.put("b", queue="task:default/b"))
    one, two = await a_session(harness), await a_session(harness)

    taken = await harness.store.take([wants(one, 5, "task:default/b"), wants(two, 5, "task:other/a")], HOST)

    assert [(claimed.run.task, claimed.run.session) for claimed in taken] == [("b", one.id)]


async def test_a_closed_session_takes_nothing(harness: StoreHarness) -> None:
    await submit(harness, await harness.put("work", queue=QUEUE))
    session = await a_session(harness)
    await harness.store.close_session(session.id)

    assert await harness.store.take([wants(session, 1)], HOST) == ()


async def test_two_servers_that_take_at_once_share_without_overlap(harness: StoreHarness) -> None:
    task = await harness.put("work", queue=QUEUE)
    asked = {(await submit(harness, task)).run.id for _ in range(20)}
    other = await harness.open_another()
    one, two = await a_session(harness), await a_session(harness)

    both = await asyncio.gather(
        harness.store.take([wants(one, 20)], HOST), other.take([wants(two, 20)], HOST)
    )

    taken = [claimed.run.id for part in both for claimed in part]
    assert len(taken) == len(set(taken))
    rest = await harness.store.take([wants(one, 20)], HOST)
    assert set(taken) | {claimed.run.id for claimed in rest} == asked


async def test_a_bounded_task_is_taken_one_at_a_time(harness: StoreHarness) -> None:
    task = await harness.put("work", queue=QUEUE, policy="Enqueue", limit=1)
    for _ in range(2):
        await submit(harness, task)
    session = await a_session(harness)

    assert len(await harness.store.take([wants(session, 5)], HOST)) == 1
    assert len(await harness.store.take([wants(session, 5)], HOST)) == 0


async def test_a_scheduled_job_is_taken_when_its_time_has_come_and_never_missed(
    harness: StoreHarness,
) -> None:
    task = await harness.put("work", queue=QUEUE)
    run = (await submit(harness, task, later=60)).run
    session = await a_session(harness)
    assert await harness.store.take([wants(session, 1)], HOST) == ()

    harness.advance(3_600)
    (taken,) = await harness.store.take([wants(session, 1)], HOST)

    assert taken.run.id == run.id
    assert taken.run.scheduled_by_request
    assert not taken.run.payload_given
    assert taken.run.scheduled_for == run.scheduled_for


async def test_a_scheduled_job_can_be_taken_back_once_and_only_before_it_starts(
    harness: StoreHarness,
) -> None:
    task = await harness.put("work", queue=QUEUE)
    waiting = (await submit(harness, task, later=60)).run
    due = (await submit(harness, task, later=-60)).run
    session = await a_session(harness)
    await harness.store.take([wants(session, 1)], HOST)

    found = [
        await harness.store.unschedule(namespace, run_id, CALLER)
        for namespace, run_id in (
            ("other", waiting.id), ("default", waiting.id), ("default", waiting.id), ("default", due.id),
            ("default", RunId(uuid7())),
        )
    ]  # fmt: skip

    assert found == [False, True, False, False, False]
    assert (await harness.run(waiting.id)).state is RunState.CANCELLED
    assert (await harness.run(due.id)).cancel_requested_at is None


async def test_what_was_not_scheduled_cannot_be_unscheduled(harness: StoreHarness) -> None:
    run = (await submit(harness, await harness.put("work", queue=QUEUE))).run

    assert not await harness.store.unschedule("default", run.id, CALLER)
    assert (await harness.run(run.id)).state is RunState.QUEUED


async def test_a_key_is_the_same_for_every_server(harness: StoreHarness) -> None:
    other = await harness.open_another()

    keys = await asyncio.gather(
        *(store.secret("a") for store in (harness.store, other, harness.store, other))
    )

    assert len(set(keys)) == 1
    assert len(keys[0]) == 32
    assert await harness.store.secret("b") != keys[0]


async def test_a_declaration_supersedes_an_undeclared_task_of_that_name(harness: StoreHarness) -> None:
    put = harness.definition("derived", taskName="Work")
    undeclared = await harness.store.put_task(_undeclared(put))
    run = (await submit(harness, undeclared)).run

    declared = await harness.put("declared", taskName="Work")

    assert (await harness.store.find_task("default", "Work")) == declared
    assert (await harness.run(run.id)).state is RunState.CANCELLED


async def test_an_undeclared_task_never_takes_a_name_from_a_declared_one(harness: StoreHarness) -> None:
    await harness.put("declared", taskName="Work")

    with pytest.raises(InvalidInput, match="taskName"):
        await harness.store.put_task(_undeclared(harness.definition("derived", taskName="Work")))


def _undeclared(put: PutTask) -> PutTask:
    return replace(put, definition=replace(put.definition, origin=UNDECLARED))


async def test_a_result_by_its_claim_ends_what_was_taken(harness: StoreHarness) -> None:
    run = (await submit(harness, await harness.put("work", queue=QUEUE))).run
    session = await a_session(harness)
    (taken,) = await harness.store.take([wants(session, 1)], HOST)

    held = HeldRun(run.id, taken.run.epoch, session.id)
    await harness.store.finish(FinishDecision(held, an_outcome(RunState.SUCCEEDED), RunState.SUCCEEDED))

    assert (await harness.run(run.id)).state is RunState.SUCCEEDED
    assert await harness.store.external_sessions() == frozenset()
