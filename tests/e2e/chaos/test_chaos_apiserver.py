"""The API server is away, falls silent, or forgets: time goes on, and what people did meanwhile is found in
the end (docs/operations.md, "When Kubernetes' API does not answer")."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import pytest

from tests.cluster.problem import Problem
from tests.support.release import until
from tests.support.stage.containers import Pod
from tests.support.stage.meddling import (
    change,
    delete,
    known,
    ticking,
)
from tests.support.stage.stage import Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(1200)

LATE = 15_000
"""Milliseconds that a fire may be late on a busy machine: an operator's own share is a second."""
SILENCE = 70.0
"""Seconds after which a watch without a word is opened anew."""
SWEEP = 300.0
"""Seconds between two sweeps."""
BUSY = 120.0
"""Seconds that a busy machine may add to either."""


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


def fresh_term(stage: Stage, current: Trial) -> Pod:
    """A leader whose sweep has just been, so that for minutes only its watch can tell it anything."""
    before = stage.leader()
    before.signal("operator", signal.SIGKILL)

    def another() -> Pod | None:
        now = stage.leader()
        return None if now.name == before.name else now

    leader = until(another, "another leads", 60)
    stage.healthy()
    current.say(f"a new term of {leader.name}")
    return leader


def say(current: Trial, told: Mapping[str, int]) -> None:
    current.say(", ".join(f"{name} {count:,}" for name, count in told.items()))


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
