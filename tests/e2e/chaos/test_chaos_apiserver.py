"""The API server is away, falls silent, or forgets: time goes on, and what people did meanwhile is found in
the end (docs/operations.md, "When Kubernetes' API does not answer")."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.cluster.problem import Problem
from tests.support.release import until
from tests.support.stage.containers import Pod
from tests.support.stage.load import EVERY
from tests.support.stage.meddling import (
    change,
    delete,
    known,
    ticking,
)
from tests.support.stage.stage import Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(1200)

AWAY = 120.0
LATE = 15_000
"""Milliseconds that a fire may be late on a busy machine: an operator's own share is a second."""
SILENCE = 70.0
"""Seconds after which a watch without a word is opened anew."""
SWEEP = 300.0
"""Seconds between two sweeps."""
BUSY = 120.0
"""Seconds that a busy machine may add to either."""
TRIED_AGAIN = 60.0
"""Seconds after which, at the latest, what could not reach the API server tries again."""


@contextmanager
def meddled(stage: Stage, *names: str) -> Iterator[None]:
    """Tasks that fire beside the load, known to the product; they go at the end."""
    stage.kubectl.apply(*(ticking(stage, name) for name in names))
    for name in names:
        known(stage, name, 1, BUSY)
    yield
    stage.kubectl("delete", "nicetask", *names, "new", "-n", stage.namespace, "--ignore-not-found")
    for name in (*names, "new"):
        known(stage, name, 0, SWEEP + BUSY)


@contextmanager
def undone(stage: Stage) -> Iterator[None]:
    """However it ends, the API server runs and is heard."""
    try:
        yield
    finally:
        stage.harm.end_silence()
        with suppress(Problem):
            stage.harm.start("kube-apiserver")


def people_reach_it(stage: Stage) -> None:
    until(lambda: stage.kubectl.attempt("get", "--raw", "/readyz").code == 0 or None, "it is ready", 120)


def behind(stage: Stage, since: datetime) -> list[str]:
    """Tasks of the load whose status promises a fire for a moment before that."""
    items = stage.kubectl.get("nicetasks", "-n", stage.namespace)["items"]
    told = {
        item["metadata"]["name"]: item.get("status", {}).get("nextRunTime", "")
        for item in items
        if item["spec"].get("schedule") == EVERY
    }
    return [name for name, next in told.items() if not next or datetime.fromisoformat(next) < since]


def fresh_term(stage: Stage, current: Trial) -> Pod:
    """A leader whose sweep has just been, so that for minutes only its watch can tell it anything."""
    term, before = stage.lead()
    before.signal("operator", signal.SIGKILL)
    stage.lead(after=term)
    stage.healthy()
    term, leader = stage.lead()
    current.say(f"term {term} is {leader.name}'s")
    return leader


def test_while_the_api_server_is_down_tasks_fire_and_afterwards_everything_is_made_up_for(
    stage: Stage,
) -> None:
    told: dict[str, int] = {}
    with trial(stage, "API server down") as current, meddled(stage, "changed", "deleted"), undone(stage):
        stage.harm.kill("kube-apiserver")
        went, gone_at = time.monotonic(), datetime.now(UTC)
        stage.goes_on()
        until(lambda: time.monotonic() > went + AWAY or None, "two minutes are over", AWAY + 10)
        took = stage.goes_on()
        told["fired meanwhile"] = fires_since(stage, gone_at)
        stage.harm.silence_pods()
        stage.harm.start("kube-apiserver")
        people_reach_it(stage)
        told["statuses behind"] = len(behind(stage, gone_at + timedelta(seconds=30)))
        change(stage, "changed")
        delete(stage, "deleted")
        stage.kubectl.apply(ticking(stage, "new"))
        back_at = datetime.now(UTC)
        stage.harm.end_silence()
        current.say(f"back after {time.monotonic() - went:.0f} s; the last fires took {took:.1f} s")
        for name, generation in (("changed", 2), ("new", 1)):
            known(stage, name, generation, TRIED_AGAIN + BUSY)
        told["edits taken after (ms)"] = milliseconds_since(back_at)
        until(lambda: not behind(stage, back_at) or None, "every status has caught up", TRIED_AGAIN + BUSY)
        told["statuses caught up after (ms)"] = milliseconds_since(back_at)
        # A watch that was without an answer for a minute lists anew, and listings tell of no deletion.
        known(stage, "deleted", 0, SWEEP + BUSY)
        told["deletion found after (ms)"] = milliseconds_since(back_at)

    say(current, told)
    assert told["statuses behind"] >= 20
    assert told["fired meanwhile"] >= AWAY / 2
    assert current.counts["latest fire (ms)"] < LATE
    assert current.counts["lost"] == 0


def say(current: Trial, told: Mapping[str, int]) -> None:
    current.say(", ".join(f"{name} {count:,}" for name, count in told.items()))


def milliseconds_since(moment: datetime) -> int:
    return (datetime.now(UTC) - moment) // timedelta(milliseconds=1)


def fires_since(stage: Stage, moment: datetime) -> int:
    text = (
        "SELECT COUNT(*) FROM runs WHERE state = 'succeeded' AND `trigger` = 'schedule' AND scheduled_for > "
    )
    return int(stage.rows(f"{text}{int(moment.timestamp() * 1e6)}")[0][0])


def test_a_watch_that_falls_silent_is_opened_anew_within_its_bound(stage: Stage) -> None:
    told: dict[str, int] = {}
    with trial(stage, "watch silent") as current, meddled(stage, "changed", "deleted"), undone(stage):
        leader = fresh_term(stage, current)
        told["connections silenced"] = stage.harm.silence_connections(leader.address)
        began = time.monotonic()
        change(stage, "changed")
        delete(stage, "deleted")
        stage.kubectl.apply(ticking(stage, "new"))
        known(stage, "changed", 2, SILENCE + BUSY)
        known(stage, "deleted", 0, BUSY)
        known(stage, "new", 1, BUSY)
        told["edits taken after (ms)"] = int((time.monotonic() - began) * 1000)
        assert stage.leader().name == leader.name

    say(current, told)
    assert told["connections silenced"] >= 2  # one for tasks, one for pools
    # The control: no word came through, so it was indeed the silence that ended the watch.
    assert told["edits taken after (ms)"] > 30_000
    assert current.counts["latest fire (ms)"] < LATE
