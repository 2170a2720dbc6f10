"""Retention told from numbers never overlooks a run that the limits do not keep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.retention import EndedRun, Tally, exceeded, expendable
from nice_operator.domain.run import FINAL_STATES, RunState
from nice_operator.domain.task import History, Keep

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOURS = st.integers(0, 5).map(lambda hours: timedelta(hours=hours))
KEEPS = st.builds(Keep, st.none() | st.integers(0, 4), st.none() | HOURS)
ENDED = st.lists(st.tuples(st.sampled_from(sorted(FINAL_STATES)), HOURS), max_size=12)


@given(st.builds(History, KEEPS, KEEPS), ENDED)
def test_numbers_within_the_limits_hide_no_expendable_run(
    history: History, ended: list[tuple[RunState, timedelta]]
) -> None:
    runs = [EndedRun(RunId(uuid7()), state, NOW - age) for state, age in ended]

    if not exceeded(history, _tallies(runs), NOW):
        assert expendable(history, runs, NOW) == []


@given(KEEPS, st.integers(0, 6))
def test_numbers_beyond_the_limits_mean_that_some_run_may_go(keep: Keep, count: int) -> None:
    """Where the runs are alike, so that none of them is the last in one way and the oldest in another."""
    runs = [EndedRun(RunId(uuid7()), RunState.FAILED, NOW - timedelta(hours=2)) for _ in range(count)]
    history = History(keep, keep)

    assert exceeded(history, _tallies(runs), NOW) == bool(expendable(history, runs, NOW))


def _tallies(runs: list[EndedRun]) -> list[Tally]:
    by_state: dict[RunState, list[datetime]] = {}
    for run in runs:
        by_state.setdefault(run.state, []).append(run.finished_at)
    return [Tally(state, len(times), min(times)) for state, times in by_state.items()]
