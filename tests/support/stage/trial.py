"""One proof: load, harm, rest, and the sum. What is printed are the counts; what does not add up fails."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from tests.accounts.__main__ import judge
from tests.accounts.books import Books
from tests.cluster.problem import say
from tests.support.release import until
from tests.support.stage import load
from tests.support.stage.effects import Execution
from tests.support.stage.stage import Stage
from tests.support.stage.sums import wrong_answers, wrong_effects

REST_WITHIN = 300.0
WARM = 10
"""Runs of each kind of load, about, before harm is done."""


@dataclass
class Trial:
    """What one harm did. ``books`` and ``account`` are there when it is over."""

    stage: Stage
    name: str
    callers: load.Callers
    long: bool
    began: float = field(default_factory=time.monotonic)
    counts: Counter[str] = field(default_factory=Counter)
    books: Books | None = None

    def say(self, text: str) -> None:
        """A line of progress."""
        say(f"[{self.name}, {time.monotonic() - self.began:.0f} s] {text}")

    def runs_of(self, task: str) -> Sequence[Any]:
        """The runs that a task of this trial has, when it is over."""
        assert self.books is not None
        return next(book.runs for book in self.books.tasks if book.row.living and book.row.name == task)

    def attempts_of(self, run: Any) -> Sequence[Any]:
        """Its executions as the database has them."""
        assert self.books is not None
        return self.books.attempts.get(run.id, ())


@contextmanager
def trial(stage: Stage, name: str, *, long: bool = False) -> Iterator[Trial]:
    """Load runs while the body harms; at its end everything comes to rest and is judged."""
    stage.healthy()
    manifests = [m for m in load.tasks() if long or m["metadata"]["name"] not in (load.STOPPED, load.SAVED)]
    stage.kubectl("delete", "nicetasks", "--all", "-n", stage.namespace)
    _apply(stage, manifests)
    current = Trial(stage, name, load.Callers(stage.job, f"{name} {time.time():.0f}"), long)
    ready = ("wait", "--for=condition=Ready", "nicetasks", "--all", "-n", stage.namespace, "--timeout=120s")
    stage.kubectl(*ready, seconds=150)
    current.callers.start()
    stage.goes_on()
    current.say("load runs")
    yield current
    current.say("harm is over; coming to rest")
    current.callers.stop(REST_WITHIN)
    stage.healthy(300)
    _apply(stage, [load.suspended(manifest) for manifest in manifests])
    until(lambda: _at_rest(stage), "every task is suspended and every run has ended", REST_WITHIN)
    _judge(current)


def _apply(stage: Stage, manifests: Sequence[Mapping[str, Any]]) -> None:
    stage.kubectl.apply(
        *({**each, "metadata": {**each["metadata"], "namespace": stage.namespace}} for each in manifests)
    )


def _at_rest(stage: Stage) -> bool | None:
    with suppress(OSError):
        active = stage.rows("SELECT COUNT(*) FROM runs WHERE state IN ('queued', 'claimed', 'running')")
        firing = stage.rows("SELECT COUNT(*) FROM tasks WHERE living = 1 AND next_fire_at IS NOT NULL")
        return (active[0][0], firing[0][0]) == (0, 0) or None
    return None


# ------------------------------------------------------------ the sum


def _judge(current: Trial) -> None:
    books = current.books = current.stage.books()
    whole = judge(books, at_rest=True)
    mine = _of_this_trial(books)
    current.counts = judge(mine, at_rest=True).counts
    effects = [one for run in mine.runs for one in current.stage.effects.of(str(run.id)).values()]
    _count(current, mine, effects)
    wrong = [
        *map(str, whole.findings),
        *wrong_effects(mine, effects),
        *wrong_answers(current.callers.answers, mine),
    ]
    current.say(", ".join(f"{name} {count:,}" for name, count in current.counts.items()))
    assert not wrong, f"{len(wrong)} things do not add up:\n" + "\n".join(wrong[:40])


def _of_this_trial(books: Books) -> Books:
    """Without the tasks of earlier trials, which are deleted, and what they did."""
    mine = replace(books, tasks=[task for task in books.tasks if task.row.living])
    ids = {run.id for run in mine.runs}
    attempts = {id: done for id, done in books.attempts.items() if id in ids}
    return replace(mine, attempts=attempts, refused=[one for one in books.refused if one.run_id in ids])


def _count(current: Trial, books: Books, effects: Sequence[Execution]) -> None:
    late = [run.created_at - run.scheduled_for for run in books.runs if run.trigger == "schedule"]
    current.counts["executions seen"] = len(effects)
    current.counts["cut short"] = sum(1 for one in effects if not one.ended)
    current.counts["jobs answered"] = len(current.callers.answers)
    current.counts["asked again"] = current.callers.asked_again
    current.counts["latest fire (ms)"] = max(late, default=0) // 1000
