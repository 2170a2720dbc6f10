"""Runs through the whole engine: real store, real loops, a scripted worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from nice_operator.domain.errors import Conflict, InvalidInput, KeyReused, NotFound
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.run import RunState
from nice_operator.engine.explain import Why
from nice_protocol.messages import Assign, Cancel, Error, Finished, Refused, Start, Started
from tests.fakes.worker import HOST, finish_of
from tests.support.engine import QUICK, Harness, running_engine
from tests.support.samples import REQUESTER

TWICE = {"maxAttempts": 2, "backoff": {"initialSeconds": 1}}


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Harness]:
    async with running_engine(tmp_path / "nice.db") as harness:
        yield harness


async def test_a_run_goes_from_request_to_result(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    task = await engine.task(retry={"maxAttempts": 3}, env=[{"name": "COLOUR", "value": "blue"}])
    run = await engine.request(task, '{"name": "Ada"}')

    assign = await worker.expect(Assign)
    assert (assign.run, assign.attempt, assign.epoch) == (str(run.id), 1, 1)
    assert (assign.payload, assign.execution) == ('{"name": "Ada"}', {"command": ["true"]})
    assert (assign.timeout, assign.env) == (60.0, {"COLOUR": "blue"})
    await worker.begin(assign)
    await engine.state(run.id, RunState.RUNNING)
    await worker.log(assign, "hello\nworld\n")
    settled = await worker.finish(assign, result='{"greeting": "Hello Ada"}', cpu_seconds=0.5)

    assert settled.verdict == "accepted"
    ended = await engine.ended(run.id)
    assert (ended.state, ended.result) == (RunState.SUCCEEDED, '{"greeting": "Hello Ada"}')
    assert ended.requester == REQUESTER
    assert ended.host is not None
    assert ended.host.load_average == (0.1, 0.2, 0.3)
    assert ended.usage.cpu_seconds == 0.5
    chunks = await engine.engine.logs.read(run.id, 1)
    assert "".join(chunk.text for chunk in chunks) == "hello\nworld\n"


async def test_no_worker_is_given_more_than_it_asked_for(engine: Harness) -> None:
    worker = await engine.worker(slots=8)
    task = await engine.task()
    for _ in range(5):
        await engine.request(task)
    await worker.credit(2)
    first, second = await worker.expect(Assign), await worker.expect(Assign)
    unclaimed = [run for run in await engine.runs(task) if run.epoch == 0]
    assert len(unclaimed) == 3
    await worker.begin(first)
    await worker.finish(first)
    assert not worker.unread(Assign)
    await worker.credit(1)
    third = await worker.expect(Assign)
    assert len({first.run, second.run, third.run}) == 3
    assert not worker.unread(Assign)


async def test_a_failed_attempt_is_tried_again_after_its_backoff(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(2)
    task = await engine.task(retry={"maxAttempts": 2, "backoff": {"initialSeconds": 300, "jitterPercent": 0}})
    run = await engine.request(task)
    first = await worker.expect(Assign)
    await worker.begin(first)
    await worker.finish(first, "failed", reason="ExitCode", exit_code=1)

    waiting = await engine.state(run.id, RunState.QUEUED)
    assert waiting.attempt == 1
    assert (await engine.engine.tasks.explain(task)).reason is Why.RETRY_LATER
    engine.advance(301)
    second = await worker.expect(Assign)
    assert (second.attempt, second.epoch) == (2, 2)
    await worker.begin(second)
    await worker.finish(second, "failed", reason="ExitCode", message="no luck", exit_code=1)
    ended = await engine.ended(run.id)
    assert (ended.state, ended.message, ended.exit_code) == (RunState.FAILED, "no luck", 1)
    attempts = await engine.engine.runs.attempts(run.id)
    assert [attempt.state for attempt in attempts] == [RunState.FAILED, RunState.FAILED]


async def test_a_retry_begins_when_its_time_comes_not_when_somebody_looks(tmp_path: Path) -> None:
    rarely = replace(QUICK, poll=600.0)
    async with running_engine(tmp_path / "nice.db", rarely) as engine:
        worker = await engine.worker()
        await worker.credit(2)
        retry = {"maxAttempts": 2, "backoff": {"initialSeconds": 1, "jitterPercent": 0}}
        await engine.request(await engine.task(retry=retry))
        first = await worker.expect(Assign)
        await worker.begin(first)
        await worker.finish(first, "failed", reason="ExitCode", exit_code=1)
        assert (await worker.expect(Assign)).attempt == 2


async def test_a_timeout_that_the_worker_reports_is_final(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task(retry={"maxAttempts": 5}))
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    await worker.finish(assign, "timed_out", reason="Timeout", signal="SIGKILL", stopped_by="kill")
    ended = await engine.ended(run.id)
    assert (ended.state, ended.signal) == (RunState.TIMED_OUT, "SIGKILL")


async def test_a_waiting_run_is_cancelled_at_once(engine: Harness) -> None:
    run = await engine.request(await engine.task())
    result = await engine.engine.runs.cancel(run.id, REQUESTER)
    assert (result.run.state, result.requested) == (RunState.CANCELLED, False)
    again = await engine.engine.runs.cancel(run.id, REQUESTER)
    assert again.run.state is RunState.CANCELLED


async def test_a_claimed_run_that_is_cancelled_never_starts(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task())
    assign = await worker.expect(Assign)
    await engine.engine.runs.cancel(run.id, REQUESTER)
    refusal = await worker.start(assign)
    assert isinstance(refusal, Refused)
    assert refusal.code == "cancelled"
    assert (await engine.ended(run.id)).state is RunState.CANCELLED


async def test_the_worker_of_a_running_run_is_told_at_once_to_stop_it(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task(retry={"maxAttempts": 9}))
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    result = await engine.engine.runs.cancel(run.id, REQUESTER)
    assert result.requested
    assert (await worker.expect(Cancel)).run == assign.run
    await worker.finish(assign, "cancelled", reason="Cancelled", stopped_by="term")
    assert (await engine.ended(run.id)).state is RunState.CANCELLED


async def test_a_run_that_fails_while_it_is_to_be_cancelled_is_not_tried_again(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task(retry={"maxAttempts": 9}))
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    await engine.engine.runs.cancel(run.id, REQUESTER)
    await worker.finish(assign, "failed", reason="ExitCode", exit_code=1)
    assert (await engine.ended(run.id)).state in {RunState.FAILED, RunState.CANCELLED}


async def test_an_ended_run_cannot_be_cancelled(engine: Harness) -> None:
    worker = await engine.worker()
    worker.serve()
    run = await engine.request(await engine.task())
    await engine.ended(run.id)
    with pytest.raises(Conflict, match="succeeded"):
        await engine.engine.runs.cancel(run.id, REQUESTER)


async def test_a_repeated_report_is_the_same_report(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task())
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    report = finish_of(assign, result="1")
    await worker.send(report)
    assert (await worker.expect(Finished)).verdict == "accepted"
    await worker.send_raw(report)
    assert (await worker.expect(Finished)).verdict == "repeated"
    await worker.send_raw(finish_of(assign, "failed"))
    assert (await worker.expect(Finished)).verdict == "stale_epoch"
    assert (await engine.ended(run.id)).result == "1"


async def test_a_report_with_an_old_epoch_changes_nothing_and_is_kept(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(2)
    run = await engine.request(await engine.task(retry=TWICE))
    first = await worker.expect(Assign)
    await worker.begin(first)
    await worker.finish(first, "failed", reason="ExitCode", exit_code=1)
    engine.advance(60)
    second = await worker.expect(Assign)
    await worker.begin(second)
    await worker.send_raw(finish_of(first, result='"late"'))
    assert (await worker.expect(Finished)).verdict == "stale_epoch"
    assert (await engine.engine.runs.get(run.id)).state is RunState.RUNNING
    assert any(attempt.stale for attempt in await engine.engine.runs.attempts(run.id))
    await worker.finish(second)


async def test_a_payload_that_does_not_fit_names_the_field(engine: Harness) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    task = await engine.task(payload={"name": "Ada"}, payloadSchema=schema)
    with pytest.raises(InvalidInput) as refusal:
        await engine.request(task, '{"name": 7}')
    assert "name" in str(refusal.value.problems[0])
    assert (await engine.request(task)).payload.replace(" ", "") == '{"name":"Ada"}'


async def test_an_idempotency_key_makes_one_run(engine: Harness) -> None:
    task = await engine.task()
    one = await engine.request(task, "1", idempotency_key="k" * 300)
    same = await engine.request(task, "1", idempotency_key="k" * 300)
    assert one.id == same.id
    with pytest.raises(KeyReused):
        await engine.request(task, "2", idempotency_key="k" * 300)


async def test_running_again_keeps_the_payload_unless_told_otherwise(engine: Harness) -> None:
    worker = await engine.worker()
    worker.serve()
    run = await engine.request(await engine.task(), '{"n": 12345678901234567890}')
    await engine.ended(run.id)
    again = (await engine.engine.runs.rerun(run.id, REQUESTER)).run
    other = (await engine.engine.runs.rerun(run.id, REQUESTER, "[]")).run
    assert (again.rerun_of, again.payload, other.payload) == (run.id, run.payload, "[]")
    assert again.id != other.id
    await engine.ended(other.id)


async def test_an_unknown_run_is_not_found(engine: Harness) -> None:
    with pytest.raises(NotFound):
        await engine.engine.runs.get(RunId(uuid7()))


async def test_waiting_ends_with_its_time(engine: Harness) -> None:
    run = await engine.request(await engine.task())
    assert (await engine.engine.runs.wait(run.id, 0.05)).state is RunState.QUEUED


async def test_a_log_is_followed_over_attempts_until_the_run_ends(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(2)
    run = await engine.request(await engine.task(retry=TWICE))
    first = await worker.expect(Assign)
    await worker.begin(first)
    await worker.log(first, "one\n")
    seen: list[str] = []
    async for chunk in engine.engine.logs.follow(run.id):
        seen.append(chunk.text)
        if chunk.text == "one\n":
            await worker.log(first, "two\n", first=2)
        elif chunk.text == "two\n":
            await worker.finish(first, "failed", reason="ExitCode", exit_code=1)
            engine.advance(60)
            second = await worker.expect(Assign)
            await worker.begin(second)
            await worker.log(second, "three\n")
            await worker.finish(second)
    assert seen == ["one\n", "two\n", "three\n"]


async def test_one_attempt_is_followed_until_it_is_over(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(
        await engine.task(retry={"maxAttempts": 2, "backoff": {"initialSeconds": 300}})
    )
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    await worker.log(assign, "only\n")
    await worker.finish(assign, "failed", reason="ExitCode", exit_code=1)
    assert [chunk.text async for chunk in engine.engine.logs.follow(run.id, 1)] == ["only\n"]
    assert [chunk.text async for chunk in engine.engine.logs.follow(run.id, 1, after=1)] == []


async def test_a_second_start_of_the_same_run_is_refused(engine: Harness) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    await engine.request(await engine.task())
    assign = await worker.expect(Assign)
    await worker.begin(assign)
    await worker.send_raw(Start(assign.run, assign.epoch, HOST))
    assert (await worker.expect(Error)).code == "already_started"
    assert not worker.unread(Started)


@pytest.mark.parametrize("result", ["not json", "NaN", '{"a": 1', ""])
async def test_a_success_whose_result_is_not_json_is_a_failure(engine: Harness, result: str) -> None:
    worker = await engine.worker()
    await worker.credit(1)
    run = await engine.request(await engine.task())
    order = await worker.expect(Assign)
    await worker.begin(order)
    await worker.finish(order, result=result)
    ended = await engine.ended(run.id)
    assert (ended.state, ended.reason, ended.result) == (RunState.FAILED, "ResultNotJson", None)
    assert "expected a result that is JSON" in ended.message


async def test_a_large_payload_is_checked_while_others_go_on(engine: Harness) -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    task = await engine.task(payloadSchema=schema)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.001)
            turns += 1

    busy = asyncio.create_task(others())
    with pytest.raises(InvalidInput):
        await engine.request(task, json.dumps([{"n": 1}] * 20_000 + [{"n": "one"}]))
    busy.cancel()
    assert turns > 10, "nothing else had a turn while the payload was checked"
