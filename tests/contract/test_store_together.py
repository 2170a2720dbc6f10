"""Many writes at once are decided together, and each is answered as it would be alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event

from nice_operator.domain.errors import InvalidInput, KeyReused, TaskChanged
from nice_operator.domain.ids import OutcomeId, SessionId, uuid7
from nice_operator.domain.run import LogSummary, Outcome, RunState, Usage
from nice_operator.domain.task import Task
from nice_operator.ports import Basis, FinishVerdict, HeldRun, PutTask, StartVerdict, Submitted
from tests.support.stores import CALLER, HOST, FakeHolder, StoreHarness, decision

MANY = 60
HOSTILE = "nul \x00, quotes '\"\\, %s :name, \N{SNOWMAN}, \N{PILE OF POO}, line\u2028\r\n"


@contextmanager
def counted(harness: StoreHarness) -> Iterator[Counter[str]]:
    """Statements of the writer by their first word."""
    seen: Counter[str] = Counter()

    def count(connection: object, cursor: object, statement: str, *rest: object) -> None:
        seen[statement.split(None, 1)[0]] += 1

    writer = harness.store.database.writer
    event.listen(writer, "after_cursor_execute", count)
    yield seen
    event.remove(writer, "after_cursor_execute", count)


async def claimed(harness: StoreHarness, count: int, **manifest: Any) -> tuple[FakeHolder, list[HeldRun]]:
    """That many runs, claimed by one worker."""
    task = await harness.put("a", **manifest)
    await asyncio.gather(*(harness.submit(task) for _ in range(count)))
    worker = await harness.worker()
    taken = await worker.claim(count)
    return worker, [HeldRun(each.run.id, each.run.epoch, worker.session) for each in taken]


async def test_many_runs_pass_through_life_with_few_statements(harness: StoreHarness) -> None:
    with counted(harness) as statements:
        worker, held = await claimed(harness, MANY)
        started = await asyncio.gather(*(worker.start(each) for each in held))
        finished = await asyncio.gather(*(worker.finish(each) for each in held))

    assert (set(started), set(finished)) == ({StartVerdict.STARTED}, {FinishVerdict.ACCEPTED})
    assert statements.total() < MANY, f"one statement for many runs was expected, found {statements}"
    for each in held:
        run = await harness.run(each.id)
        assert (run.state, run.result, run.host, run.lease_until) == (
            RunState.SUCCEEDED,
            '{"n":1}',
            HOST,
            None,
        )
        (attempt,) = await harness.store.attempts(each.id)
        assert (attempt.state, attempt.started_at, attempt.ended_at) == (
            run.state,
            run.started_at,
            run.finished_at,
        )


async def test_a_run_recorded_together_is_answered_as_it_is_stored(harness: StoreHarness) -> None:
    task = await harness.put("a", priority=3, selector={"zone": "a"})

    answers = await asyncio.gather(*(harness.submit(task, payload=f'{{"n":{n}}}') for n in range(5)))

    for answer in answers:
        assert answer == Submitted(await harness.run(answer.run.id), created=True)


async def test_requests_with_one_key_at_the_same_time_make_one_run(harness: StoreHarness) -> None:
    task = await harness.put("a")

    answers = await asyncio.gather(*(harness.submit(task, "m:same") for _ in range(5)))
    other = harness.submit(task, "m:other")
    different = harness.submit(task, "m:other", payload="1")
    told = await asyncio.gather(other, different, return_exceptions=True)

    assert [answer.created for answer in answers] == [True, False, False, False, False]
    assert len({answer.run.id for answer in answers}) == 1
    assert isinstance(told[0], Submitted)
    assert isinstance(told[1], KeyReused)


async def test_starts_at_the_same_time_are_answered_each_for_itself(harness: StoreHarness) -> None:
    worker, held = await claimed(harness, 5)
    good, twice, cancelled, old, foreign = held
    await harness.store.cancel(cancelled.id, CALLER)
    asked = [good, twice, twice, cancelled, replace(old, epoch=old.epoch + 1)]
    asked.append(replace(foreign, session=SessionId(uuid7())))

    verdicts = await asyncio.gather(*(worker.start(each) for each in asked))

    started, stale = StartVerdict.STARTED, StartVerdict.STALE
    assert verdicts == [started, started, started, StartVerdict.CANCELLED, stale, stale]
    states = [(await harness.run(each.id)).state for each in (old, foreign)]
    assert states == [RunState.CLAIMED, RunState.CLAIMED]


async def test_a_replaced_worker_starts_nothing_among_others(harness: StoreHarness) -> None:
    worker, held = await claimed(harness, 2)
    await harness.worker(worker.name)

    assert await asyncio.gather(*(worker.start(each) for each in held)) == [StartVerdict.STALE] * 2


async def test_reports_at_the_same_time_are_answered_each_for_itself(harness: StoreHarness) -> None:
    worker, held = await claimed(harness, 5)
    good, twice, again, unstarted, foreign = held
    await asyncio.gather(*(worker.start(each) for each in held if each is not unstarted))
    report = decision(twice)
    reports = [decision(good), report, report, decision(again, RunState.QUEUED), decision(unstarted)]
    reports.append(decision(replace(foreign, session=SessionId(uuid7()))))
    reports.append(decision(replace(good, id=uuid7())))  # type: ignore[arg-type]

    verdicts = await asyncio.gather(*(harness.store.finish(each) for each in reports))

    accepted, repeated, stale = FinishVerdict.ACCEPTED, FinishVerdict.REPEATED, FinishVerdict.STALE
    assert verdicts == [accepted, accepted, repeated, accepted, stale, stale, FinishVerdict.UNKNOWN]
    states = [(await harness.run(each.id)).state for each in held]
    assert states == ["succeeded", "succeeded", "queued", "claimed", "running"]


@pytest.mark.parametrize("length", [1, 100_000], ids=["short", "long"])
async def test_whatever_a_report_says_arrives_as_it_was_said(harness: StoreHarness, length: int) -> None:
    worker, held = await claimed(harness, 2)
    await asyncio.gather(*(worker.start(each) for each in held))
    log = LogSummary(7, False, ((2, 3), (5, 5)))
    outcomes = [
        Outcome(
            OutcomeId(uuid7()), RunState.FAILED, "Odd", HOSTILE * length, usage=Usage(0.1, 2**53), log=log
        ),
        Outcome(OutcomeId(uuid7()), RunState.SUCCEEDED, "", result=f'"{HOSTILE}"' * length, signal="SIGKILL"),
    ]

    told = [
        harness.store.finish(decision(each, outcome.state, outcome=outcome))
        for each, outcome in zip(held, outcomes, strict=True)
    ]
    assert await asyncio.gather(*told) == [FinishVerdict.ACCEPTED] * 2

    for each, outcome in zip(held, outcomes, strict=True):
        run = await harness.run(each.id)
        assert (run.reason, run.message, run.result) == (outcome.reason, outcome.message, outcome.result)
        assert (run.exit_code, run.signal, run.usage, run.log) == (
            outcome.exit_code,
            outcome.signal,
            outcome.usage,
            outcome.log,
        )


async def test_runs_that_hold_a_slot_give_it_on_among_others(harness: StoreHarness) -> None:
    worker, held = await claimed(harness, 4, policy="Enqueue", limit=2)
    assert len(held) == 2
    await asyncio.gather(*(worker.start(each) for each in held))

    assert await asyncio.gather(*(worker.finish(each) for each in held)) == [FinishVerdict.ACCEPTED] * 2

    assert len(await worker.claim(4)) == 2


async def test_many_tasks_are_recorded_and_told_again_with_few_statements(harness: StoreHarness) -> None:
    with counted(harness) as statements:
        made = await asyncio.gather(*(harness.put(f"t{n:02}", due_in=60) for n in range(MANY)))

        again = await asyncio.gather(*(harness.put(f"t{n:02}", due_in=90) for n in range(MANY)))

    assert statements.total() < MANY, f"one statement for many tasks was expected, found {statements}"
    assert again == made
    assert await harness.store.list_tasks() == list(made)


async def test_definitions_told_at_the_same_time_are_answered_each_for_itself(harness: StoreHarness) -> None:
    old = await harness.put("old")

    new, same, taken, stolen, again = await asyncio.gather(
        harness.put("new", taskName="job"),
        harness.put("old"),
        harness.put("thief", taskName="job"),
        harness.put("other", taskName="old"),
        harness.put("new", taskName="job", uid="uid-newer"),
        return_exceptions=True,
    )

    assert same == old
    assert isinstance(taken, InvalidInput)
    assert isinstance(stolen, InvalidInput)
    assert isinstance(new, Task)
    assert isinstance(again, Task)
    assert [task.uid for task in await harness.store.list_tasks()] == ["uid-newer", "uid-old"]
    replaced = await harness.store.get_task_by_id(new.id)
    assert replaced is not None
    assert replaced.deleted_at is not None


async def test_large_payloads_at_once_are_all_recorded_beside_a_small_one(harness: StoreHarness) -> None:
    task = await harness.put("a")
    large = f'"{"x" * 1_000_000}"'
    asked = [harness.submit(task, payload=large) for _ in range(20)] + [harness.submit(task, payload="1")]

    made = await asyncio.gather(*asked)

    assert [submitted.created for submitted in made] == [True] * 21


async def test_new_versions_of_many_tasks_take_effect_with_few_statements(harness: StoreHarness) -> None:
    await asyncio.gather(*(harness.store.put_task(_version(harness, n, 1)) for n in range(MANY)))

    with counted(harness) as statements:
        changed = await asyncio.gather(
            *(harness.store.put_task(_version(harness, n, 2, priority=n)) for n in range(MANY))
        )

    assert statements.total() < MANY, f"a few statements for many versions were expected, found {statements}"
    for number, task in enumerate(changed):
        assert (task.generation, task.spec and task.spec.priority) == (2, number)
        assert task == await harness.store.get_task("default", f"t-{number}")
        assert await harness.store.get_version(task.id, 1) == {"written": 1}


async def test_of_many_new_versions_each_is_answered_as_it_would_be_alone(harness: StoreHarness) -> None:
    for n in range(6):
        await harness.store.put_task(_version(harness, n, 2, policy="Enqueue", limit=1))
    waiting = await harness.store.get_task("default", "t-0")
    assert waiting is not None
    first, second = [await harness.submit(waiting) for _ in range(2)]
    deleted = await harness.store.get_task("default", "t-1")
    assert deleted is not None
    await harness.store.delete_task(deleted.id)

    answers = await asyncio.gather(
        harness.store.put_task(_version(harness, 0, 3, policy="Enqueue", limit=2)),
        harness.store.put_task(_version(harness, 1, 3)),
        harness.store.put_task(_version(harness, 2, 1)),
        harness.store.put_task(_version(harness, 3, 3, taskName="t-4")),
        harness.store.put_task(_version(harness, 5, 3, suspend=True)),
        harness.store.put_task(_version(harness, 5, 4)),
        return_exceptions=True,
    )

    more, revived, old, clash, *both = answers
    assert isinstance(more, Task)
    assert [(await harness.run(each.run.id)).blocked_by for each in (first, second)] == [None, None]
    assert isinstance(revived, Task)
    assert (revived.id, revived.generation, revived.deleted_at) == (deleted.id, 3, None)
    assert isinstance(old, Task)
    assert old.generation == 2
    assert isinstance(clash, InvalidInput)
    assert all(isinstance(each, Task) for each in both)
    last = await harness.store.get_task("default", "t-5")
    assert last is not None
    assert last.generation == 4
    assert last.spec is not None
    assert not last.spec.suspend


async def test_of_many_new_versions_those_planned_before_a_fire_are_refused(harness: StoreHarness) -> None:
    """Else their cursors would go back, and what was fired would be fired, and counted, again."""
    tasks = [await harness.put(f"t-{n}", due_in=0, generation=1) for n in range(4)]
    edits = [
        replace(
            _version(harness, n, 2, schedule="later"),
            next_fire_at=task.next_fire_at,
            basis=Basis(task.id, task.generation, task.next_fire_at),
        )
        for n, task in enumerate(tasks)
    ]
    await harness.store.fire([await harness.plan(task, "c:1") for task in tasks[:2]])

    answers = await asyncio.gather(*map(harness.store.put_task, edits), return_exceptions=True)

    assert [type(answer) for answer in answers] == [TaskChanged, TaskChanged, Task, Task]
    for task in tasks[:2]:
        kept = await harness.store.get_task_by_id(task.id)
        assert kept is not None
        assert kept.next_fire_at != task.next_fire_at
        assert (kept.generation, kept.fired) == (1, 1)


def _version(harness: StoreHarness, number: int, generation: int, **manifest: Any) -> PutTask:
    manifest = manifest or {"written": generation}
    return harness.definition(f"t-{number}", generation=generation, **manifest)
