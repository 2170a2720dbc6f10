"""The stations of a run on its page."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.run import Attempt, Run, RunState, Usage
from nice_operator.web.ui.timeline import timeline, total_of
from tests.support.samples import NOON, a_run

SECOND = timedelta(seconds=1)


def an_attempt(run: Run, number: int, begins: int, ends: int | None) -> Attempt:
    """Claimed and started at ``begins`` seconds after noon; failed at ``ends``, or under way."""
    blank = dict.fromkeys(Attempt.__dataclass_fields__)
    values = {
        "run_id": run.id, "number": number, "epoch": number, "session": SessionId(uuid7()), "worker": "w",
        "claimed_at": NOON + begins * SECOND, "started_at": NOON + begins * SECOND,
        "ended_at": None if ends is None else NOON + ends * SECOND,
        "state": None if ends is None else RunState.FAILED,
        "reason": "", "message": "", "usage": Usage(), "stale": False,
    }  # fmt: skip
    return Attempt(**(blank | values))  # type: ignore[arg-type]


def test_the_times_of_a_retried_run_never_run_backwards() -> None:
    run = a_run(
        state=RunState.FAILED, attempt=3, started_at=NOON + 90 * SECOND, finished_at=NOON + 95 * SECOND
    )
    attempts = [an_attempt(run, 1, 1, 6), an_attempt(run, 2, 10, 15), an_attempt(run, 3, 90, 95)]

    steps = timeline(run, attempts)

    assert [step.name for step in steps] == ["queued", "attempt 2 failed", "claimed", "running", "failed"]
    times = [step.at for step in steps if step.at]
    assert len(times) == 5
    assert all(one <= other for one, other in pairwise(times))


def test_a_run_that_waits_for_its_next_attempt_says_how_the_last_one_ended() -> None:
    run = a_run(attempt=1, started_at=NOON + SECOND)

    steps = timeline(run, [an_attempt(run, 1, 1, 6)])

    assert [(step.name, step.status) for step in steps] == [
        ("queued", "now"), ("attempt 1 failed", "ended"),
        ("claimed", "todo"), ("running", "todo"), ("done", "todo"),
    ]  # fmt: skip
    assert [step.at for step in steps[2:]] == [None, None, None]


def test_the_last_attempts_duration_and_the_total_are_two_figures() -> None:
    run = a_run(
        state=RunState.FAILED, attempt=2, started_at=NOON + 90 * SECOND, finished_at=NOON + 95 * SECOND
    )
    attempts = [an_attempt(run, 1, 1, 6), an_attempt(run, 2, 90, 95)]

    assert run.duration == 5 * SECOND
    assert total_of(run, attempts) == 94 * SECOND
    assert total_of(replace(run, attempt=1), attempts[1:]) is None
