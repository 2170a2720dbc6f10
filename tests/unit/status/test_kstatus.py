"""What kstatus (Flux, Argo CD, ``kubectl wait`` users) concludes from each of our states.

``verdict`` is its rule for resources that it knows nothing of, as its README and library tell.
"""

from __future__ import annotations

from typing import Any

import pytest

from nice_operator.domain.run import Run, RunState
from nice_operator.domain.status import TaskFacts, status_of
from nice_operator.domain.task import Task
from tests.support.samples import NOON, a_run, a_spec, a_task
from tests.support.states import State, names, pool_states, task_states

STATES = [*task_states(), *pool_states()]


def verdict(generation: int, status: dict[str, Any]) -> str:
    """Current, InProgress or Failed."""
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    if status.get("observedGeneration") != generation:
        return "InProgress"
    if conditions.get("Reconciling") == "True":
        return "InProgress"
    if conditions.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if conditions.get("Ready", "True") != "True" else "Current"


def _status(task: Task, *runs: Run) -> dict[str, Any]:
    ended = next((run for run in runs if run.state.final), None)
    return status_of(TaskFacts(task, 0, runs, None, ended, None), {}, NOON)


def test_an_object_that_nobody_has_seen_is_in_progress() -> None:
    assert verdict(1, {"observedGeneration": -1}) == "InProgress"


def test_an_edit_that_nobody_has_seen_is_in_progress() -> None:
    assert verdict(2, _status(a_task())) == "InProgress"


@pytest.mark.parametrize(
    "task",
    [
        a_task(),
        a_task(a_spec(schedules=("@hourly",)), next_fire_at=NOON),
        a_task(a_spec(suspend=True)),
        a_task(a_spec(run_at=NOON)),
    ],
)
def test_whatever_is_in_force_is_current_however_its_runs_end(task: Task) -> None:
    for state in RunState:
        assert verdict(1, _status(task, a_run(state=state))) == "Current"


def test_a_spec_that_cannot_work_has_failed_at_once() -> None:
    assert verdict(1, _status(a_task(stalled="spec.timeZone: no such zone"))) == "Failed"


@pytest.mark.parametrize("state", STATES, ids=names(STATES))
def test_each_state_that_is_written_has_the_verdict_of_the_documents(state: State) -> None:
    """The library itself is asked in ``tests/e2e/test_e2e_verdicts.py``."""
    document = state.document
    assert verdict(document["metadata"]["generation"], document["status"]) == state.kstatus
