"""Ends are told to whoever waits in this process, and to nobody else."""

from __future__ import annotations

from nice_operator.domain.ids import OutcomeId, RunId, uuid7
from nice_operator.domain.run import Outcome, RunState
from nice_operator.engine.endings import Endings

DONE = Outcome(OutcomeId(uuid7()), RunState.SUCCEEDED, "Done", result="[1]")


def test_everybody_who_waits_for_a_run_is_told_its_end() -> None:
    endings, run = Endings(), RunId(uuid7())
    with endings.expected(run) as one, endings.expected(run) as another:
        endings.tell(run, RunState.SUCCEEDED, DONE)

    assert one.end == another.end
    assert one.end is not None
    assert (one.end.id, one.end.state, one.end.result) == (run, RunState.SUCCEEDED, "[1]")


def test_the_end_of_another_run_is_told_to_nobody() -> None:
    endings, run = Endings(), RunId(uuid7())
    with endings.expected(run) as waiting:
        endings.tell(RunId(uuid7()), RunState.SUCCEEDED, DONE)

    assert waiting.end is None


def test_who_came_after_an_end_is_not_told_of_it() -> None:
    endings, run = Endings(), RunId(uuid7())
    with endings.expected(run):
        endings.tell(run, RunState.SUCCEEDED, DONE)
    with endings.expected(run) as later:
        pass

    assert later.end is None


def test_whoever_leaves_first_leaves_the_place_of_the_other_alone() -> None:
    endings, run = Endings(), RunId(uuid7())
    with endings.expected(run) as first:
        with endings.expected(run):
            pass
        endings.tell(run, RunState.SUCCEEDED, DONE)

    assert first.end is not None
