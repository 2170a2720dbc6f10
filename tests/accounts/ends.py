"""Whether every run has one end, told by an execution that took place, and attempts that add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from nice_operator.domain.reasons import Reason
from nice_operator.domain.run import RunState
from tests.accounts.books import Books, Row, TaskBook
from tests.accounts.findings import Account, Check, Finding

EXECUTED_ENDS = (RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.LOST)
"""States of runs that only an execution can have brought about."""
BORN_FINAL = (RunState.SKIPPED, RunState.MISSED)


def judge(account: Account, books: Books, *, at_rest: bool) -> None:
    """Take in all runs. ``at_rest``: nothing is under way any more, so every run has ended."""
    account.counts["runs"] = len(books.runs)
    account.counts |= Counter(run.state for run in books.runs)
    account.counts["attempts"] = sum(map(len, books.attempts.values()))
    account.counts["runs executed more than once"] = sum(1 for a in books.attempts.values() if len(a) > 1)
    account.counts["late reports refused"] = len(books.refused)
    for run in books.strays:
        account.add([Finding(Check.STRAY, f"run {run.id}", f"task {run.task_id} is not there")])
    account.add(_orphans(books))
    for task in books.tasks:
        for run in task.runs:
            account.add(_judged(task, run, books.attempts.get(run.id, ()), at_rest=at_rest))


def _orphans(books: Books) -> Iterator[Finding]:
    known = {run.id for run in (*books.runs, *books.strays)}
    for run_id in books.attempts.keys() - known:
        yield Finding(Check.ORPHAN, f"run {run_id}", f"{len(books.attempts[run_id])} attempts, and no run")


def _judged(task: TaskBook, run: Row, attempts: Sequence[Row], *, at_rest: bool) -> Iterator[Finding]:
    name = f"run {run.id} of {task.name} ({run.state})"
    state = RunState(run.state)
    if task.version(run.generation) is None:
        yield Finding(Check.STRAY, name, f"version {run.generation} is no good version of the task")
    if state.final != (run.finished_at is not None):
        yield Finding(Check.HALF_ENDED, name, f"finished_at is {run.finished_at}")
    if at_rest and not state.final:
        yield Finding(Check.NO_END, name, f"attempt {run.attempt}, reason {run.reason!r}")
    yield from _counted(name, run, state, attempts)
    for attempt in attempts:
        yield from _attempt(name, run, state, attempt)
    if state in BORN_FINAL and attempts:
        yield Finding(Check.EXECUTED, name, f"{len(attempts)} attempts")
    yield from _end(name, run, state, attempts)


def _counted(name: str, run: Row, state: RunState, attempts: Sequence[Row]) -> Iterator[Finding]:
    """A claim that has not started yet is counted by the run, and is no attempt."""
    begun = run.attempt - (1 if state is RunState.CLAIMED else 0)
    numbers = [attempt.number for attempt in attempts]
    if numbers != list(range(1, begun + 1)):
        yield Finding(Check.COUNTED_WRONG, name, f"it counts {run.attempt} attempts, and has {numbers}")
    losses = [a for a in attempts if a.state == RunState.LOST and a.reason != Reason.INTERRUPTED]
    if len(losses) != run.lost_count:
        yield Finding(Check.COUNTED_WRONG, name, f"it counts {run.lost_count} losses, and has {len(losses)}")


def _attempt(name: str, run: Row, state: RunState, attempt: Row) -> Iterator[Finding]:
    facts = f"epoch {attempt.epoch} ({attempt.state}), session {attempt.session}"
    held = state is RunState.RUNNING and attempt.epoch == run.epoch
    if attempt.ended_at is None and not held:
        yield Finding(Check.LEFT_OPEN, name, facts)
    if attempt.started_at is None:
        yield Finding(Check.UNEXECUTED, name, f"{facts}: never started")
    elif attempt.ended_at is not None and not attempt.claimed_at <= attempt.started_at <= attempt.ended_at:
        times = f"{attempt.claimed_at}, {attempt.started_at}, {attempt.ended_at}"
        yield Finding(Check.BACKWARDS, name, f"{facts}: claimed, started, ended {times}")
    if attempt.epoch > run.epoch:
        yield Finding(Check.COUNTED_WRONG, name, f"{facts}: the run is at epoch {run.epoch} only")


def _end(name: str, run: Row, state: RunState, attempts: Sequence[Row]) -> Iterator[Finding]:
    if state in EXECUTED_ENDS and not attempts:
        yield Finding(Check.UNEXECUTED, name, "no attempt")
    won = [attempt for attempt in attempts if attempt.state == RunState.SUCCEEDED]
    if len(won) > 1 or any(attempt is not attempts[-1] for attempt in won):
        epochs = [attempt.epoch for attempt in attempts]
        yield Finding(Check.TWO_ENDS, name, f"success at {[a.epoch for a in won]} of epochs {epochs}")
    if state in EXECUTED_ENDS and attempts and attempts[-1].state != state:
        last = attempts[-1]
        yield Finding(Check.OTHER_OUTCOME, name, f"epoch {last.epoch} ended {last.state} ({last.reason})")
    if state is RunState.CANCELLED and won:
        yield Finding(Check.OTHER_OUTCOME, name, f"epoch {won[0].epoch} succeeded")
