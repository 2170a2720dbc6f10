"""Whether no task executed more at a time than it admits, and nothing is taken that nobody uses."""

from __future__ import annotations

from collections.abc import Iterator

from nice_operator.domain.run import ACTIVE_STATES, RunState
from tests.accounts.books import Books, Row, TaskBook
from tests.accounts.findings import Account, Check, Finding, moment

HELD = (RunState.CLAIMED, RunState.RUNNING)


def judge(account: Account, books: Books) -> None:
    """Take in all tasks."""
    for task in books.tasks:
        account.add(_overlaps(task, books))
        for run in task.runs:
            account.add(_slot(task, run))
            account.add(_holder(task, run, books))


def _overlaps(task: TaskBook, books: Books) -> Iterator[Finding]:
    """By the database's clock: an execution lasts from its start until its end was recorded."""
    limits = [version.spec.concurrency.limit for version in task.versions]
    if not limits or None in limits:
        return
    limit = max(limit for limit in limits if limit is not None)
    executions = [
        attempt for run in task.runs for attempt in books.attempts.get(run.id, ()) if attempt.started_at
    ]
    under_way: list[Row] = []
    for attempt in sorted(executions, key=lambda each: each.started_at):
        under_way = [each for each in under_way if not _ended_before(each, attempt)]
        under_way.append(attempt)
        if len(under_way) > limit:
            facts = "; ".join(map(_told, under_way))
            yield Finding(Check.OVERLAP, task.name, f"{len(under_way)} where {limit} may be: {facts}")


def _ended_before(one: Row, other: Row) -> bool:
    return one.ended_at is not None and one.ended_at <= other.started_at


def _told(attempt: Row) -> str:
    lasted = f"{moment(attempt.started_at)} to {moment(attempt.ended_at)}"
    return f"run {attempt.run_id} epoch {attempt.epoch}, {lasted}"


def _slot(task: TaskBook, run: Row) -> Iterator[Finding]:
    name = f"run {run.id} of {task.name} ({run.state})"
    active = RunState(run.state) in ACTIVE_STATES
    if run.active_key is not None and (not active or not run.active_key.startswith(f"t:{run.task_id.hex}:")):
        yield Finding(Check.SLOT_KEPT, name, run.active_key)
    version = task.version(run.generation)
    alone = len(task.versions) == 1  # one that was admitted when there was no limit yet has none
    bounded = version is not None and version.spec.concurrency.bounded
    if active and alone and bounded and not run.waiting and run.active_key is None:
        yield Finding(Check.SLOT_MISSING, name, "it is admitted")


def _holder(task: TaskBook, run: Row, books: Books) -> Iterator[Finding]:
    """A session that ended is found by the reaper within its lease: what is later than that is kept."""
    if run.state in HELD and run.session not in books.open_sessions and run.lease_until < books.now:
        facts = f"session {run.session}, lease until {moment(run.lease_until)}"
        yield Finding(Check.HELD_BY_NOBODY, f"run {run.id} of {task.name} ({run.state})", facts)
