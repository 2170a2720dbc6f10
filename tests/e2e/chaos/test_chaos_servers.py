"""Redis or the database die, stand still, forget or refuse: what waits is made up for, nothing is lost
(F13, F16, F18–F20, F23)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from nice_operator.store.leases import RUNNING
from tests.accounts.books import SECOND
from tests.support.release import until
from tests.support.stage.stage import DATABASE, REDIS, Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(1800)

SOON = 300
"""Seconds within which fires must go on, on a machine that does other things too."""
LEASE = RUNNING / SECOND
"""Seconds after which workers themselves end what must never overlap, if nobody took their heartbeats."""

STARVED = 8
"""Processes that wait for each processor: with more, heartbeats come too late on a machine that is well."""


def pause(seconds: float) -> None:
    """Let that much of the harm's time pass."""
    until_then = time.monotonic() + seconds
    until(lambda: time.monotonic() > until_then or None, f"{seconds:g} s are over", seconds + 60)


@contextmanager
def frozen(stage: Stage, label: str, container: str) -> Iterator[None]:
    """It stands still; its connections stay open and nobody answers."""
    pod = stage.only(label)
    pod.signal(container, signal.SIGSTOP)
    try:
        yield
    finally:
        pod.signal(container, signal.SIGCONT)


def fires_go_on(stage: Stage, current: Trial) -> None:
    current.say(f"fires go on after {stage.goes_on(SOON):.1f} s")


# ------------------------------------------------------------ Redis


def kill_redis(stage: Stage, current: Trial) -> None:
    stage.only(REDIS).signal("redis", signal.SIGKILL)
    fires_go_on(stage, current)


def empty_redis(stage: Stage, current: Trial) -> None:
    """The leader's lock goes with the rest."""
    ask = "redis-cli -a $(cut -d' ' -f2 /etc/nice/redis/redis.conf) FLUSHALL"
    for _ in range(3):
        pod = stage.only(REDIS).name
        assert "OK" in stage.kubectl("exec", pod, "-n", stage.namespace, "--", "sh", "-c", ask)
        pause(5)
    fires_go_on(stage, current)


def freeze_redis(stage: Stage, current: Trial) -> None:
    """Fires go on while it stands still, for longer than the leader's lock lives."""
    with frozen(stage, REDIS, "redis"):
        pause(15)
        fires_go_on(stage, current)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        pytest.param("Redis killed", kill_redis, id="killed"),
        pytest.param("Redis emptied", empty_redis, id="emptied"),
        pytest.param("Redis frozen", freeze_redis, id="frozen"),
    ],
)
def test_whatever_befalls_redis_nothing_is_lost_and_fires_go_on(
    stage: Stage, name: str, harm: Callable[[Stage, Trial], None]
) -> None:
    with trial(stage, name) as current:
        harm(stage, current)
        stage.leader()
        stage.goes_on(SOON)

    nothing_lost(current)


# ------------------------------------------------------------ the database


def test_a_killed_database_comes_back_with_everything_that_was_told(stage: Stage) -> None:
    with trial(stage, "database killed") as current:
        away = kill_database(stage, current)
        fires_go_on(stage, current)

    nothing_lost(current, away)


def test_a_database_that_stood_still_for_a_minute_costs_no_run(stage: Stage) -> None:
    with trial(stage, "database frozen") as current:
        with frozen(stage, DATABASE, "database"):
            pause(60)
        fires_go_on(stage, current)

    assert current.counts["missed"] > 0  # told, not dropped


def test_a_database_that_cannot_be_written_for_a_while_costs_no_run(stage: Stage) -> None:
    with trial(stage, "database read-only") as current:
        stage.as_root("SET GLOBAL read_only = 1")
        began = time.monotonic()
        try:
            before = stage.fired()
            pause(20)
            assert 0 < stage.fired() <= before + 2
        finally:
            stage.as_root("SET GLOBAL read_only = 0")
        away = time.monotonic() - began
        fires_go_on(stage, current)

    nothing_lost(current, away)


def test_commits_whose_answers_were_lost_count_once(stage: Stage) -> None:
    """It stands still until commits wait for it, and dies with their answers. Twice: a container that dies
    more often is left alone for longer than a lease."""
    aways = []
    with trial(stage, "database killed in mid-commit") as current:
        for _ in range(2):
            with frozen(stage, DATABASE, "database"):
                pause(2)
            pause(0.05)
            aways.append(kill_database(stage, current))
            fires_go_on(stage, current)

    nothing_lost(current, max(aways))


def kill_database(stage: Stage, current: Trial) -> float:
    """Returns after how many seconds it answers again."""
    began = time.monotonic()
    stage.only(DATABASE).signal("database", signal.SIGKILL)
    until(lambda: _answers(stage), "the database answers", SOON)
    away = time.monotonic() - began
    current.say(f"the database answers again after {away:.1f} s")
    return away


def _answers(stage: Stage) -> bool | None:
    try:
        return bool(stage.rows("SELECT 1"))
    except OSError:
        return None


def nothing_lost(current: Trial, away: float = 0.0) -> None:
    """No worker was harmed, so every execution counts; unless nobody could take heartbeats for about a lease:
    then workers end by themselves what must never overlap, and that is told and done again."""
    load = os.getloadavg()[1]
    if away < LEASE / 2 and load < STARVED * (os.cpu_count() or 1):
        assert current.counts["lost"] == 0
        assert current.counts["runs executed more than once"] == 0
    else:
        current.say(f"away for {away:.0f} s, load {load:.0f}: a lease may have run out, and its runs be lost")
