"""Workers that vanish, come back, are replaced and drained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from nice_operator.domain.errors import NotFound, Unavailable
from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState
from nice_operator.engine.explain import Why
from nice_protocol.messages import Assign, Cancel, Drain, Finished, ResumedRun
from tests.fakes.worker import FakeWorker, finish_of
from tests.support.engine import Harness, running_engine
from tests.support.samples import REQUESTER


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_engine(tmp_path / "nice.db") as harness:
        yield harness


async def assigned(engine: Harness, worker: FakeWorker, **spec: object) -> Assign:
    """A run in the worker's hands."""
    await worker.credit(1)
    await engine.request(await engine.task(**spec))
    return await worker.expect(Assign)


def session_of(worker: FakeWorker) -> SessionId:
    return SessionId(UUID(worker.session_id))


def resumed(run: Assign, phase: str) -> tuple[ResumedRun, ...]:
    return (ResumedRun(run.run, run.epoch, phase),)


async def test_the_runs_of_a_dead_worker_go_to_another_at_once(engine: Harness) -> None:
    worker = await engine.worker("first")
    run = await assigned(engine, worker)
    await worker.begin(run)
    await worker.leave()
    engine.liveness.dead.add(session_of(worker))

    waiting = await engine.state(UUID(run.run), RunState.QUEUED)
    assert (waiting.lost_count, waiting.reason) == (1, "WorkerDied")
    engine.advance(60)
    second = await engine.worker("second")
    await second.credit(1)
    again = await second.expect(Assign)
    assert (again.run, again.epoch) == (run.run, 2)
    await second.begin(again)
    await second.finish(again)
    assert (await engine.ended(UUID(run.run))).state is RunState.SUCCEEDED


async def test_a_silent_worker_loses_its_runs_when_the_lease_is_over(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker, onLost="Fail")
    await worker.begin(run)
    engine.advance(60)
    ended = await engine.ended(UUID(run.run))
    assert (ended.state, ended.reason) == (RunState.LOST, "WorkerLost")
    answer = await worker.heartbeat(run)
    assert [ref.run for ref in answer.lost] == [run.run]
    assert (await worker_finish(worker, run)).verdict == "stale_epoch"


async def worker_finish(worker: FakeWorker, run: Assign) -> Finished:
    await worker.send_raw(finish_of(run))
    return await worker.expect(Finished)


async def test_a_living_worker_keeps_its_runs_whatever_the_lease(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    engine.liveness.alive.add(session_of(worker))
    engine.advance(50)
    other = await engine.task("other")
    reaped_meanwhile = await engine.request(other)
    await engine.engine.runs.cancel(reaped_meanwhile.id, REQUESTER)
    assert (await engine.store.reap(frozenset(), frozenset({session_of(worker)}))) == []
    assert (await worker.finish(run)).verdict == "accepted"


async def test_heartbeats_keep_a_run_alive_and_tell_of_cancels(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    for _ in range(3):
        engine.clock.offset += 20_000_000
        assert (await worker.heartbeat(run)).lost == []
    await engine.engine.runs.cancel(UUID(run.run), REQUESTER)
    answer = await worker.heartbeat(run)
    assert [ref.run for ref in answer.cancel] == [run.run]


async def test_a_worker_that_comes_back_goes_on_with_its_run(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    await worker.log(run, "before\n")
    await worker.leave()

    welcome = await worker.connect(engine.engine.workers, resumed(run, "running"))
    assert welcome.discard == []
    await worker.log(run, "after\n", first=2)
    assert (await worker.finish(run, result="7")).verdict == "accepted"
    ended = await engine.ended(UUID(run.run))
    assert ended.result == "7"
    chunks = await engine.engine.logs.read(ended.id, 1)
    assert [chunk.text for chunk in chunks] == ["before\n", "after\n"]


async def test_a_result_that_was_kept_while_nobody_listened_arrives_once(tmp_path: Path) -> None:
    path = tmp_path / "nice.db"
    async with running_engine(path) as before:
        worker = FakeWorker()
        await worker.connect(before.engine.workers)
        run = await assigned(before, worker)
        await worker.begin(run)
    async with running_engine(path) as after:
        await worker.connect(after.engine.workers, resumed(run, "finished"))
        report = finish_of(run, result='"kept"')
        await worker.send(report)
        assert (await worker.expect(Finished)).verdict == "accepted"
        assert (await after.ended(UUID(run.run))).result == '"kept"'
        await worker.leave()
        await worker.connect(after.engine.workers, resumed(run, "finished"))
        await worker.send(report)
        assert (await worker.expect(Finished)).verdict == "repeated"
        await worker.close()


async def test_runs_that_a_worker_holds_no_longer_are_discarded_when_it_comes_back(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker, onLost="Fail")
    await worker.begin(run)
    await worker.leave()
    engine.advance(60)
    await engine.ended(UUID(run.run))
    welcome = await worker.connect(engine.engine.workers, resumed(run, "running"))
    assert [ref.run for ref in welcome.discard] == [run.run]


async def test_an_assignment_that_never_arrived_goes_back_to_the_queue(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.leave()
    await worker.connect(engine.engine.workers)
    await engine.state(UUID(run.run), RunState.QUEUED)
    await worker.credit(1)
    again = await worker.expect(Assign)
    assert (again.run, again.attempt, again.epoch) == (run.run, 1, 2)


async def test_a_started_run_that_its_worker_forgot_is_lost(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker, onLost="Fail")
    await worker.begin(run)
    await worker.leave()
    await worker.connect(engine.engine.workers)
    ended = await engine.ended(UUID(run.run))
    assert (ended.state, ended.reason) == (RunState.LOST, "Forgotten")


async def test_a_cancel_while_the_worker_was_away_is_told_when_it_comes_back(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    await worker.leave()
    await engine.engine.runs.cancel(UUID(run.run), REQUESTER)
    await worker.connect(engine.engine.workers, resumed(run, "running"))
    assert (await worker.expect(Cancel)).run == run.run


async def test_a_new_session_of_the_same_name_fences_the_old_one(engine: Harness) -> None:
    old = await engine.worker("twin")
    await engine.worker("twin")
    _, reason = await old.until_closed()
    assert reason == "fenced"
    assert [info.worker for info in engine.engine.workers.list()] == ["twin"]


async def test_workers_of_the_same_name_in_two_pools_are_two(engine: Harness) -> None:
    here = await engine.worker("pod-1", pool="here/warm")
    await engine.worker("pod-1", pool="there/warm")
    assert [info.pool for info in engine.engine.workers.list()] == ["here/warm", "there/warm"]
    assert here.closed is None


async def test_a_run_is_handed_back_by_a_worker_that_drains(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    engine.engine.workers.drain(session_of(worker))
    await worker.expect(Drain)
    await worker.draining()
    await worker.release(run)
    waiting = await engine.state(UUID(run.run), RunState.QUEUED)
    assert waiting.attempt == 0
    task = await engine.engine.tasks.get("default", "hello")
    assert (await engine.engine.tasks.explain(task)).reason is Why.NO_WORKER


@pytest.mark.parametrize(("on_lost", "state"), [("Retry", RunState.QUEUED), ("Fail", RunState.LOST)])
async def test_an_interrupted_run_goes_back_uncounted_or_is_lost(
    engine: Harness, on_lost: str, state: RunState
) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker, onLost=on_lost)
    await worker.begin(run)
    await worker.draining()
    await worker.finish(run, "failed", interrupted=True, reason="Interrupted")
    stopped = await engine.state(UUID(run.run), state)
    assert (stopped.reason, stopped.lost_count) == ("Interrupted", 0)


async def test_draining_the_engine_waits_for_what_runs_and_starts_nothing_more(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    later = await engine.task("later")
    queued = await engine.request(later)
    draining = asyncio.create_task(engine.engine.drain(10))
    await worker.expect(Drain)
    with pytest.raises(Unavailable, match="draining"):
        await engine.request(later)
    await worker.finish(run)
    assert await draining
    assert (await engine.engine.runs.get(queued.id)).state is RunState.QUEUED
    assert not worker.unread(Assign)


async def test_draining_ends_with_its_time(engine: Harness) -> None:
    worker = await engine.worker()
    run = await assigned(engine, worker)
    await worker.begin(run)
    assert not await engine.engine.drain(0.05)


async def test_selectors_choose_the_worker(engine: Harness) -> None:
    plain = await engine.worker("plain")
    await plain.credit(1)
    special = await engine.worker("special", gpu="yes")
    await special.credit(1)
    run = await engine.request(await engine.task(workerSelector={"gpu": "yes"}))
    assert (await special.expect(Assign)).run == str(run.id)
    assert not plain.unread(Assign)


async def test_workers_are_listed_with_what_they_hold(engine: Harness) -> None:
    worker = await engine.worker("lister", slots=3)
    run = await assigned(engine, worker)
    await worker.credit(2)
    await worker.heartbeat()
    (info,) = engine.engine.workers.list()
    assert (info.worker, info.slots, info.free) == ("lister", 3, 2)
    assert [str(held.id) for held in info.runs] == [run.run]


async def test_an_unknown_worker_cannot_be_drained(engine: Harness) -> None:
    with pytest.raises(NotFound):
        engine.engine.workers.drain(SessionId(UUID(int=7)))


async def test_an_interruption_uses_up_no_attempt(engine: Harness) -> None:
    worker = await engine.worker("first")
    retry = {"maxAttempts": 2, "backoff": {"initialSeconds": 300, "jitterPercent": 0}}
    run = await assigned(engine, worker, retry=retry)
    await worker.begin(run)
    await worker.draining()
    await worker.finish(run, "failed", interrupted=True, reason="Interrupted")
    second = await engine.worker("second")
    await second.credit(2)
    for state in (RunState.QUEUED, RunState.FAILED):
        again = await second.expect(Assign)
        await second.begin(again)
        await second.finish(again, "failed", reason="ExitCode", exit_code=1)
        assert (await engine.engine.runs.get(UUID(run.run))).state is state
        engine.advance(601)  # the longest backoff


async def test_a_worker_that_connects_during_a_drain_is_drained_too(engine: Harness) -> None:
    assert await engine.engine.drain(5)
    late = await engine.worker("late")
    await late.expect(Drain)


async def test_a_heartbeat_renews_no_run_of_another_worker(engine: Harness) -> None:
    holder, other = await engine.worker("holder"), await engine.worker("other")
    run = await assigned(engine, holder)
    await holder.begin(run)
    before = (await engine.engine.runs.get(UUID(run.run))).lease_until
    engine.advance(3)
    answer = await other.heartbeat(run)
    assert [ref.run for ref in answer.lost] == [run.run]
    assert (await engine.engine.runs.get(UUID(run.run))).lease_until == before
