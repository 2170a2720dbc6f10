"""Machines die or cannot be reached: what they ran is told, what must not overlap does not, what comes too
late is refused (F39, F43, F49)."""

from __future__ import annotations

import time

import pytest

from nice_operator.domain.run import RunState
from tests.support.release import until
from tests.support.stage import load, losses
from tests.support.stage.containers import Pod
from tests.support.stage.stage import WORKER, Stage
from tests.support.stage.trial import Trial, trial
from tests.support.stage.workers import busy_worker

pytestmark = pytest.mark.timeout(1200)

CUT = 90.0
SHORT_CUT = 12.0
"""Well within a lease of thirty seconds."""
UNHEARD = "was not heard of for longer than its lease"


def test_the_runs_of_a_node_that_dies_run_elsewhere(stage: Stage) -> None:
    with trial(stage, "node killed") as current:
        number = stage.other_node()
        pod = busy_worker(stage, number)
        stage.harm.kill_node(number)
        try:
            current.say(f"fires go on after {stage.goes_on():.1f} s")
            until(lambda: holds_nothing(stage, pod), "its runs are told as lost", 120)
            current.say(f"{pod.name} holds nothing any more")
        finally:
            stage.harm.revive_node(number)
        stage.healthy(300)
        stage.goes_on()

    lost = losses.told(current, pod.name)
    assert len(lost) >= 1
    known = f"{UNHEARD}: nothing is heard of node node-{number}, which its pod {pod.name} is on"
    assert all(one.message.endswith((known, UNHEARD)) for one in lost), "another reason than the node's end"


def holds_nothing(stage: Stage, pod: Pod) -> bool | None:
    held = stage.rows("SELECT DISTINCT worker FROM runs WHERE state IN ('claimed', 'running')")
    return pod.name not in {bytes(name).decode() for (name,) in held} or None


def test_what_runs_behind_a_cable_that_was_cut_for_a_moment_is_saved(stage: Stage) -> None:
    with trial(stage, "cable cut for a moment") as current:
        number = stage.other_node()
        pod = busy_worker(stage, number)
        cut(stage, number, SHORT_CUT, current)
        stage.healthy(300)
        stage.goes_on()

    assert losses.told(current, pod.name) == []


def cut(stage: Stage, number: int, seconds: float, current: Trial) -> None:
    """Cut the cable of a node for so long."""
    stage.harm.cut(number)
    try:
        begun = time.monotonic()
        if seconds > SHORT_CUT:
            current.say(f"fires go on after {stage.goes_on():.1f} s")
        until(lambda: time.monotonic() > begun + seconds or None, "it was cut long enough", seconds + 10)
    finally:
        stage.harm.mend(number)
    current.say(f"mended after {time.monotonic() - begun:.1f} s")


def test_a_worker_behind_a_cut_cable_is_overtaken_and_its_late_results_are_refused(stage: Stage) -> None:
    """What must never overlap is stopped there before it runs here; the others go on there, come too late,
    and are saved by the execution that overtook them."""
    with trial(stage, "cable cut", long=True) as current:
        number = stage.other_node()
        until(lambda: has_long_run(stage, number), "its worker has a long run", 180)
        pod = busy_worker(stage, number)
        cut(stage, number, CUT, current)
        stage.healthy(300)
        stage.goes_on()

    lost = losses.told(current, pod.name)
    assert any(UNHEARD in one.message for one in lost)
    assert current.counts["late reports refused"] >= 1
    assert saved(current) >= 1


def has_long_run(stage: Stage, number: int) -> bool | None:
    names = {pod.name for pod in stage.pods(WORKER) if pod.node == f"node-{number}"}
    query = (
        "SELECT r.worker FROM runs r JOIN tasks t ON t.id = r.task_id "
        f"WHERE r.state = 'running' AND t.living = 1 AND t.name = '{load.SAVED}'"
    )
    return bool(names & {bytes(name).decode() for (name,) in stage.rows(query)}) or None


def saved(current: Trial) -> int:
    """Long runs that lost an execution and ended well; every long run must end well."""
    runs = current.runs_of(load.SAVED)
    count = 0
    for run in runs:
        ends = [f"{each.state} ({each.reason})" for each in current.attempts_of(run)]
        current.say(f"long run {run.id} is {run.state}: {', '.join(ends)}")
        count += len(ends) > 1
    assert {run.state for run in runs} == {RunState.SUCCEEDED}
    return count
