"""Claims, leases, reports and the reaper."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from nice_operator.domain.errors import Conflict
from nice_operator.domain.ids import SessionId
from nice_operator.domain.run import RunState
from nice_operator.ports import FinishVerdict, HeldRun, StartVerdict
from tests.support.stores import CALLER, HOST, StoreHarness, decision

NOBODY: frozenset[SessionId] = frozenset()


async def test_claims_of_two_servers_never_overlap(harness: StoreHarness) -> None:
    task = await harness.put("a")
    made = {(await harness.submit(task)).run.id for _ in range(60)}
    other = await harness.open_another()
    workers = [await harness.worker("w1"), await harness.worker("w2", other)]

    claimed = []
    while len(claimed) < len(made):
        for answer in await asyncio.gather(*(worker.claim(free=4) for worker in workers)):
            claimed += [got.run.id for got in answer]

    assert len(claimed) == len(set(claimed))
    assert set(claimed) == made


async def test_work_is_claimed_by_priority_then_age(harness: StoreHarness) -> None:
    low, high = await harness.put("low"), await harness.put("high", priority=5)
    runs = [(await harness.submit(task)).run.id for task in (low, low, high)]
    worker = await harness.worker()

    assert [(await worker.claim_one()).id for _ in range(3)] == [runs[2], runs[0], runs[1]]


async def test_a_worker_gets_only_what_its_queues_and_labels_allow(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("external", queue="task:default/x"))
    await harness.submit(await harness.put("picky", selector={"gpu": "yes"}))
    worker = await harness.worker()

    assert await worker.claim(free=9) == ()
    assert await harness.store.queued_selectors() == {"", "gpu=yes"}
    assert await harness.store.queue_depth() == {"task:default/x": 1, "pool:default": 1}
    assert len(await worker.claim(free=9, selectors=("", "gpu=yes"))) == 1
    assert len(await worker.claim(free=9, queues=("pool:other", "task:default/x"))) == 1


async def test_what_a_worker_refused_is_not_offered_to_it_and_hides_nothing_else(
    harness: StoreHarness,
) -> None:
    refused, wanted = await harness.put("refused", priority=9), await harness.put("wanted")
    for task in (refused, wanted):
        await harness.submit(task)
    worker = await harness.worker()

    claimed = await worker.claim(free=1, refused=((refused.id, refused.generation),))

    assert [one.run.task for one in claimed] == ["wanted"]
    assert await worker.claim(free=1, refused=((refused.id, refused.generation),)) == ()
    newer = ((refused.id, refused.generation + 1),)
    assert [one.run.task for one in await worker.claim(free=1, refused=newer)] == ["refused"]


async def test_a_new_session_of_a_worker_fences_the_old_one(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    old = await harness.worker("w")
    held = await old.claim_one()

    await harness.worker("w")

    assert await old.claim() == ()
    assert await old.start(held) is StartVerdict.STALE
    assert (await harness.store.heartbeat(old.session, [held])).lost == (held,)
    with pytest.raises(Conflict, match="was replaced by"):
        await old.open()


async def test_workers_of_the_same_name_in_two_pools_do_not_fence_each_other(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    here = await harness.worker("pod-1", pool="here/warm")
    held = await here.running()

    await harness.worker("pod-1", pool="there/warm")

    assert (await harness.store.heartbeat(here.session, [held])).lost == ()
    await here.open()
    assert await here.finish(held) is FinishVerdict.ACCEPTED


async def test_a_closed_session_that_comes_back_goes_on(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    await harness.store.close_session(worker.session)
    assert await worker.claim() == ()

    await worker.open()

    held = await worker.running()
    assert [claimed.run.id for claimed in await harness.store.held(worker.session)] == [held.id]
    assert await harness.store.active_sessions() == {worker.session}


async def test_asking_to_start_again_gets_the_same_answer(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.running()
    begun = await harness.run(held.id)
    harness.advance(3)

    assert await worker.start(held) is StartVerdict.STARTED
    assert await harness.run(held.id) == begun


async def test_heartbeats_keep_a_run_and_tell_of_a_cancel(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.running()
    for _ in range(3):
        harness.advance(20)
        assert (await harness.store.heartbeat(worker.session, [held])).cancelled == ()
    result = await harness.store.cancel(held.id, CALLER)

    reply = await harness.store.heartbeat(worker.session, [held, replace(held, epoch=0)])

    assert result.requested
    assert reply.cancelled == (held,)
    assert reply.lost == (replace(held, epoch=0),)


async def test_a_late_heartbeat_revives_what_nobody_reaped(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.running()
    harness.advance(50)

    assert (await harness.store.heartbeat(worker.session, [held])).lost == ()
    assert await harness.store.reap(NOBODY, NOBODY) == []


async def test_a_lost_worker_frees_its_run_for_the_next(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a", policy="Forbid"))
    first, second = await harness.worker("w1"), await harness.worker("w2")
    held = await first.running()
    harness.advance(36)

    (reaped,) = await harness.store.reap(NOBODY, NOBODY)

    run = await harness.run(held.id)
    assert (reaped.state, run.state, run.lost_count, run.max_attempts) == ("queued", "queued", 1, 2)
    harness.advance(60)
    again = await second.running()
    assert (again.id, again.epoch) == (held.id, held.epoch + 1)
    assert await first.finish(held) is FinishVerdict.STALE
    assert await second.finish(again) is FinishVerdict.ACCEPTED
    attempts = await harness.store.attempts(held.id)
    assert [(a.epoch, a.number, a.state, a.stale) for a in attempts] == [
        (1, 1, RunState.LOST, False),
        (1, 1, RunState.SUCCEEDED, True),
        (2, 2, RunState.SUCCEEDED, False),
    ]


async def test_a_run_that_must_not_run_twice_is_lost_with_its_worker(harness: StoreHarness) -> None:
    task = await harness.put("a", onLost="Fail", policy="Forbid")
    await harness.submit(task)
    held = await (await harness.worker()).running()
    harness.advance(36)

    await harness.store.reap(NOBODY, NOBODY)

    run = await harness.run(held.id)
    assert (run.state, run.reason) == (RunState.LOST, "WorkerLost")
    assert (await harness.submit(task)).created


async def test_the_third_lost_worker_is_the_last(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    for number in range(3):
        held = await (await harness.worker(f"w{number}")).running()
        harness.advance(36)
        await harness.store.reap(NOBODY, NOBODY)
        harness.advance(3600)

    run = await harness.run(held.id)
    assert (run.state, run.reason, run.lost_count) == (RunState.LOST, "Poison", 3)


async def test_a_session_known_to_be_dead_needs_no_expired_lease(harness: StoreHarness) -> None:
    task = await harness.put("a")
    for _ in range(2):
        await harness.submit(task)
    worker = await harness.worker()
    running, claimed = await worker.running(), await worker.claim_one()

    reaped = await harness.store.reap(frozenset({worker.session}), NOBODY)

    assert {found.run_id for found in reaped} == {running.id, claimed.id}
    assert (await harness.run(claimed.id)).attempt == 0


async def test_a_session_known_to_be_alive_keeps_its_runs(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    await worker.running()
    harness.advance(80)

    assert await harness.store.reap(NOBODY, frozenset({worker.session})) == []


async def test_a_repeated_report_is_the_same_report(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    report = decision(await worker.running())

    first = await harness.store.finish(report)
    done = await harness.run(report.held.id)
    harness.advance(5)

    assert first is FinishVerdict.ACCEPTED
    assert await harness.store.finish(report) is FinishVerdict.REPEATED
    assert await harness.run(report.held.id) == done
    assert (done.result, done.exit_code, done.host) == ('{"n":1}', 0, HOST)


async def test_a_repeated_report_of_a_retried_attempt_is_recognised_too(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a", maxAttempts=2))
    worker = await harness.worker()
    report = decision(await worker.running(), RunState.QUEUED)
    await harness.store.finish(report)
    await worker.running()

    assert await harness.store.finish(report) is FinishVerdict.REPEATED


async def test_a_report_from_the_future_says_that_the_database_went_back(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.running()

    verdict = await worker.finish(replace(held, epoch=held.epoch + 5))

    assert verdict is FinishVerdict.REGRESSED
    assert (await harness.run(held.id)).state is RunState.RUNNING
    assert [a.epoch for a in await harness.store.attempts(held.id) if a.stale] == [held.epoch + 5]


async def test_a_report_of_an_unknown_run_is_refused(harness: StoreHarness) -> None:
    worker = await harness.worker()

    verdict = await worker.finish(HeldRun(worker.session, 1, worker.session))  # type: ignore[arg-type]

    assert verdict is FinishVerdict.UNKNOWN


async def test_a_cancel_that_came_first_is_not_undone_by_a_retry(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a", maxAttempts=5))
    worker = await harness.worker()
    held = await worker.running()
    await harness.store.cancel(held.id, CALLER)

    await worker.finish(held, RunState.QUEUED)

    assert (await harness.run(held.id)).state is RunState.CANCELLED


async def test_what_was_never_started_is_no_attempt(harness: StoreHarness) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.claim_one()

    assert await harness.store.release(held)
    assert not await harness.store.release(held)

    run = await harness.run(held.id)
    assert (run.state, run.attempt, run.epoch) == (RunState.QUEUED, 0, 1)
    assert await harness.store.attempts(held.id) == []
