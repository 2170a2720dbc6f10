"""The status document: what the facts make of it, within the schema of the resource."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.conditions import LONGEST_MESSAGE
from nice_operator.domain.run import Run, RunState
from nice_operator.domain.status import ENDED_STATES, SHOWN_RUNS, TaskFacts, status_of
from nice_operator.domain.task import Task
from tests.support.samples import NOON, a_run, a_spec, a_task

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds" / "nicetasks.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
LATER = NOON + timedelta(minutes=5)


def _facts(task: Task | None = None, *runs: Run, active: int = 0) -> TaskFacts:
    """``runs`` are all that there are, newest first."""
    ended = [run for run in runs if run.state in ENDED_STATES]
    return TaskFacts(
        task or a_task(),
        active,
        runs[:SHOWN_RUNS],
        next((run for run in runs if run.started_at), None),
        next(iter(ended), None),
        next((run for run in ended if run.state is RunState.SUCCEEDED), None),
    )


def _ended(state: RunState, **changes: Any) -> Run:
    times = {"started_at": NOON + timedelta(seconds=1), "finished_at": NOON + timedelta(seconds=3)}
    return a_run(state=state, **(times | changes))


def _conditions(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}


def test_a_new_manual_task_is_ready_and_no_run_has_ended() -> None:
    status = status_of(_facts(), {"observedGeneration": -1}, NOON)

    assert _conditions(status) == {
        "Ready": ("True", "Manual"),
        "Stalled": ("False", "Accepted"),
        "LastRunSucceeded": ("Unknown", "NoRunYet"),
    }
    assert (status["observedGeneration"], status["active"], status["lastRuns"]) == (1, 0, [])
    assert "nextRunTime" not in status


@pytest.mark.parametrize(
    ("spec", "next_fire_at", "reason"),
    [
        (a_spec(schedules=("@hourly",)), LATER, "Scheduled"),
        (a_spec(schedules=("@hourly",), not_after=NOON), None, "Over"),
        (a_spec(schedules=("@hourly",), suspend=True), None, "Suspended"),
        (a_spec(suspend=True), None, "Suspended"),
        (a_spec(run_at=LATER), LATER, "Scheduled"),
        (a_spec(run_at=NOON), None, "Over"),
    ],
)
def test_ready_tells_how_the_task_comes_to_run(spec: Any, next_fire_at: Any, reason: str) -> None:
    status = status_of(_facts(a_task(spec, next_fire_at=next_fire_at)), {}, NOON)

    assert _conditions(status)["Ready"] == ("True", reason)
    assert status.get("nextRunTime") == ("2026-03-01T12:05:00Z" if next_fire_at else None)


@pytest.mark.parametrize("state", sorted(ENDED_STATES - {RunState.SUCCEEDED}))
def test_a_run_that_ends_badly_never_flips_ready(state: RunState) -> None:
    run = _ended(state, reason="ExitCode", message="it exited with code 3", exit_code=3)

    status = status_of(_facts(None, run), {}, LATER)

    assert _conditions(status)["Ready"] == ("True", "Manual")
    assert _conditions(status)["Stalled"] == ("False", "Accepted")
    assert _conditions(status)["LastRunSucceeded"] == ("False", "ExitCode")
    assert status["lastResult"] == state.value
    assert "lastSuccessfulTime" not in status
    assert "it exited with code 3" in status["conditions"][2]["message"]


def test_skipped_and_missed_runs_are_shown_and_are_no_result() -> None:
    well, skipped = _ended(RunState.SUCCEEDED), a_run(state=RunState.SKIPPED, finished_at=LATER)

    status = status_of(_facts(None, skipped, well), {}, LATER)

    assert [run["state"] for run in status["lastRuns"]] == ["skipped", "succeeded"]
    assert status["lastResult"] == "succeeded"
    assert status["lastSuccessfulTime"] == "2026-03-01T12:00:03Z"
    assert status["lastRunTime"] == "2026-03-01T12:00:01Z"


def test_a_stalled_version_names_field_remedy_and_what_goes_on() -> None:
    problems = "spec.timeZone: there is no zone Mars; use another\nspec.schedule: never fires; correct it"
    task = a_task(generation=3, observed_generation=4, stalled=problems, next_fire_at=LATER)

    status = status_of(_facts(task), {}, NOON)

    assert _conditions(status)["Ready"] == ("False", "InvalidSpec")
    assert _conditions(status)["Stalled"] == ("True", "InvalidSpec")
    assert status["observedGeneration"] == 4
    assert status["nextRunTime"] == "2026-03-01T12:05:00Z"
    assert status["conditions"][1]["message"] == (
        "spec.timeZone: there is no zone Mars; use another; spec.schedule: never fires; correct it; "
        "generation 3 goes on"
    )


def test_a_condition_that_says_the_same_keeps_its_time() -> None:
    first = status_of(_facts(None, _ended(RunState.FAILED)), {}, NOON)

    second = status_of(_facts(None, _ended(RunState.SUCCEEDED), _ended(RunState.FAILED)), first, LATER)

    times = {each["type"]: each["lastTransitionTime"] for each in second["conditions"]}
    assert times == {
        "Ready": "2026-03-01T12:00:00Z",
        "Stalled": "2026-03-01T12:00:00Z",
        "LastRunSucceeded": "2026-03-01T12:05:00Z",
    }


@pytest.mark.parametrize(
    ("runs", "active", "expected"),
    [
        ([], 0, ("Unknown", "Pending")),
        ([a_run(state=RunState.RUNNING, started_at=NOON)], 1, ("Unknown", "Running")),
        ([_ended(RunState.SUCCEEDED)], 0, ("True", "Succeeded")),
        ([_ended(RunState.TIMED_OUT)], 0, ("False", "TimedOut")),
        ([a_run(state=RunState.MISSED, reason="BeforeCreation")], 0, ("False", "BeforeCreation")),
        ([a_run(), _ended(RunState.SUCCEEDED)], 1, ("True", "Succeeded")),
    ],
)
def test_a_task_that_runs_once_tells_how_it_went(
    runs: list[Run], active: int, expected: tuple[str, str]
) -> None:
    task = a_task(a_spec(run_at=NOON))

    status = status_of(_facts(task, *runs, active=active), {}, LATER)

    assert _conditions(status)["Succeeded"] == expected


def test_the_same_facts_make_the_same_status() -> None:
    facts = _facts(a_task(next_fire_at=LATER), _ended(RunState.FAILED), active=2)
    first = status_of(facts, {"observedGeneration": -1}, NOON)

    assert status_of(facts, first, LATER) == first


TEXTS = st.text(max_size=3 * LONGEST_MESSAGE)
MOMENTS = st.datetimes(min_value=NOON.replace(tzinfo=None), timezones=st.just(NOON.tzinfo)) | st.none()
RUNS = st.builds(
    a_run,
    state=st.sampled_from(sorted(RunState)),
    reason=TEXTS,
    message=TEXTS,
    exit_code=st.none() | st.integers(-(2**33), 2**33),
    started_at=MOMENTS,
    finished_at=MOMENTS,
)
TASKS = st.builds(
    a_task,
    st.builds(a_spec, suspend=st.booleans(), run_at=MOMENTS),
    stalled=TEXTS,
    next_fire_at=MOMENTS,
)


@given(TASKS, st.lists(RUNS, max_size=8), st.integers(0, 10**6))
def test_every_status_fits_the_schema_of_the_resource(task: Task, runs: list[Run], active: int) -> None:
    status = status_of(_facts(task, *runs, active=active), {}, LATER)

    jsonschema.validate(status, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert set(status) <= set(SCHEMA["properties"])
    for run in status["lastRuns"]:
        assert set(run) <= set(SCHEMA["properties"]["lastRuns"]["items"]["properties"])
        assert abs(run.get("exitCode", 0)) < 2**31  # format: int32


def test_a_start_that_many_newer_runs_hide_is_shown_as_it_was() -> None:
    before = status_of(_facts(None, _ended(RunState.SUCCEEDED)), {}, NOON)
    waiting = a_run(state=RunState.CLAIMED)

    status = status_of(_facts(None, waiting), before, LATER)

    assert status["lastRunTime"] == before["lastRunTime"] == "2026-03-01T12:00:01Z"
