"""The stations of a run: when it was asked for, taken, started and done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from nice_operator.domain.run import FAILURES, Attempt, Run, RunState
from nice_operator.web.ui.show import state_words


@dataclass(frozen=True, slots=True)
class Step:
    """A station. ``status``: done, now, todo, wrong (it failed here) or ended (here, without fault)."""

    name: str
    status: str
    state: RunState
    at: datetime | None = None
    after: timedelta | None = None


def timeline(run: Run, attempts: Sequence[Attempt]) -> tuple[Step, ...]:
    """queued → claimed → running → the end; a run that never came so far has fewer stations."""
    if run.state in (RunState.SKIPPED, RunState.MISSED):
        return (Step(state_words(run.state), "ended", run.state, run.created_at),)
    current = next((a for a in reversed(attempts) if not a.stale and a.number == run.attempt), None)
    live = current is not None and run.state is not RunState.QUEUED
    reached: list[tuple[RunState, datetime | None]] = [
        (RunState.QUEUED, run.created_at),
        (RunState.CLAIMED, current.claimed_at if current and live else None),
        (RunState.RUNNING, current.started_at if current and live else None),
    ]
    if run.state.final:
        reached = [step for step in reached if step[1] is not None]
    queued, *later = [_step(run, state, at) for state, at in reached]
    return _with_gaps([queued, *_before(run, attempts), *later, _end(run)])


def _before(run: Run, attempts: Sequence[Attempt]) -> list[Step]:
    """How the attempt before this one ended: what comes next began after it."""
    waiting = run.state is RunState.QUEUED
    ended = [a for a in attempts if not a.stale and a.state and a.number < run.attempt + waiting]
    return [
        Step(f"attempt {a.number} {state_words(a.state)}", "ended", a.state, a.ended_at)
        for a in ended[-1:]
        if a.state
    ]


def total_of(run: Run, attempts: Sequence[Attempt]) -> timedelta | None:
    """From the first attempt's start to the run's end, waiting between attempts included; None unless there
    were several."""
    starts = [a.started_at for a in attempts if a.started_at and not a.stale]
    if len(starts) < 2 or run.finished_at is None:
        return None
    return run.finished_at - min(starts)


_ORDER = (RunState.QUEUED, RunState.CLAIMED, RunState.RUNNING)


def _step(run: Run, state: RunState, at: datetime | None) -> Step:
    if run.state.final or _ORDER.index(run.state) > _ORDER.index(state):
        return Step(state.value, "done", state, at)
    if run.state is state:
        return Step(state.value, "now", state, at)
    return Step(state.value, "todo", state)


def _end(run: Run) -> Step:
    if not run.state.final:
        return Step("done", "todo", RunState.SUCCEEDED)
    status = "wrong" if run.state in FAILURES else "done" if run.state is RunState.SUCCEEDED else "ended"
    return Step(state_words(run.state), status, run.state, run.finished_at)


def _with_gaps(steps: list[Step]) -> tuple[Step, ...]:
    """Each step with the time since the one before."""
    timed: list[Step] = []
    before: datetime | None = None
    for step in steps:
        after = max(step.at - before, timedelta()) if step.at and before else None
        timed.append(Step(step.name, step.status, step.state, step.at, after))
        before = step.at or before
    return tuple(timed)
