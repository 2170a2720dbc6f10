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
    claimed = next((a.claimed_at for a in reversed(attempts) if not a.stale), None) if attempts else None
    reached: list[tuple[RunState, datetime | None]] = [
        (RunState.QUEUED, run.created_at),
        (RunState.CLAIMED, claimed),
        (RunState.RUNNING, run.started_at),
    ]
    if run.state.final:
        reached = [step for step in reached if step[1] is not None]
    steps = [_step(run, state, at) for state, at in reached]
    return _with_gaps([*steps, _end(run)])


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
        # A retried run was claimed anew after its first start: no negative times.
        after = max(step.at - before, timedelta()) if step.at and before else None
        timed.append(Step(step.name, step.status, step.state, step.at, after))
        before = step.at or before
    return tuple(timed)
