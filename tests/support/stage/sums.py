"""What must agree with the database: what the runs told of themselves, and what callers were answered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import pairwise

from nice_operator.domain.run import RunState
from nice_operator.domain.task import ConcurrencyPolicy, OnLost
from tests.accounts.books import Books
from tests.support.stage import load
from tests.support.stage.effects import Execution

ONE_AT_A_TIME = (ConcurrencyPolicy.FORBID, ConcurrencyPolicy.REPLACE, ConcurrencyPolicy.COALESCE)
KEY = "m:"
"""Before the Idempotency-Key in the key of a run."""

Answers = Mapping[str, Set[tuple[int, str, str]]]
"""Every (status, answer, run id) that ever came, by key."""


def wrong_effects(books: Books, effects: Sequence[Execution]) -> Iterator[str]:
    """What the runs told of themselves, against what the database says of them."""
    seen = {(one.run, one.epoch): one for one in effects}
    begun = {(str(a.run_id), a.epoch) for attempts in books.attempts.values() for a in attempts}
    for key, one in seen.items():
        if key not in begun:
            yield f"✗ run {one.run} was executed at epoch {one.epoch} and never started"
        if one.times_begun > 1:
            yield f"✗ run {one.run} was executed {one.times_begun} times at epoch {one.epoch}"
    for run in books.runs:
        if run.state == RunState.SUCCEEDED:
            told = seen.get((str(run.id), books.attempts[run.id][-1].epoch))
            if told is None or not told.ended:
                yield f"✗ run {run.id} succeeded, and its execution never came to its end: {told}"
    yield from _overlaps(books, effects)
    yield from _more_than_once(books, effects)


def _more_than_once(books: Books, effects: Sequence[Execution]) -> Iterator[str]:
    """``onLost: Fail`` promises at most one execution."""
    times = Counter(one.run for one in effects)
    for task in books.tasks:
        if task.versions[-1].spec.on_lost is OnLost.FAIL:
            for run in task.runs:
                if (count := times[str(run.id)]) > 1:
                    yield f"✗ run {run.id} of {task.name} (onLost: Fail) was executed {count} times"


def _overlaps(books: Books, effects: Sequence[Execution]) -> Iterator[str]:
    """By the clock of the machines: what really went on at the same time."""
    single = {
        task.row.name for task in books.tasks if task.versions[-1].spec.concurrency.policy in ONE_AT_A_TIME
    }
    by_task: dict[str, list[Execution]] = defaultdict(list)
    for one in effects:
        by_task[one.task].append(one)
    for task in sorted(single):
        for first, second in pairwise(sorted(by_task[task], key=lambda one: one.began)):
            if second.began < first.last:
                overlap = first.last - second.began
                yield f"✗ {task} was executed twice at a time for {overlap:.3f} s: {first} and {second}"


def wrong_answers(answers: Answers, books: Books) -> Iterator[str]:
    """Each job has one run, one answer, and it is that run's."""
    asked = [run for task in books.tasks if task.row.name == load.ASKED for run in task.runs]
    runs = {run.fire_key: run for run in asked}
    times = Counter(run.fire_key for run in asked)
    yield from (f"✗ {key} has {count} runs" for key, count in times.items() if count > 1)
    if runs.keys() != {f"{KEY}{key}" for key in answers}:
        odd = runs.keys() ^ {f"{KEY}{key}" for key in answers}
        yield f"✗ {len(runs)} jobs were recorded, {len(answers)} answered; they differ in {sorted(odd)[:5]}"
    for key, told in answers.items():
        run = runs.get(f"{KEY}{key}")
        if run is not None and told != {(200, str(run.id), str(run.id))}:
            yield f"✗ {key} was answered {told}; its run {run.id} {run.state}"
