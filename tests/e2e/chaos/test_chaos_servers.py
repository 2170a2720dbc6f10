"""Redis or the database die, stand still, forget or refuse: what waits is made up for, nothing is lost
(F13, F16, F18–F20, F23)."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.support.release import until
from tests.support.stage.stage import DATABASE, REDIS, Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(900)

LATE = 15_000
"""Milliseconds that a fire may be late without Redis, on a busy machine."""


def pause(seconds: float) -> None:
    """Let that much of the harm's time pass."""
    until_then = time.monotonic() + seconds
    until(lambda: time.monotonic() > until_then or None, f"{seconds:g} s are over", seconds + 10)


def kill_redis(stage: Stage) -> None:
    stage.only(REDIS).signal("redis", signal.SIGKILL)


def empty_redis(stage: Stage) -> None:
    ask = "redis-cli -a $(cut -d' ' -f2 /etc/nice/redis/redis.conf) FLUSHALL"
    pod = stage.only(REDIS).name
    assert "OK" in stage.kubectl("exec", pod, "-n", stage.namespace, "--", "sh", "-c", ask)


def freeze_redis(stage: Stage) -> None:
    redis = stage.only(REDIS)
    redis.signal("redis", signal.SIGSTOP)
    try:
        pause(30)
    finally:
        redis.signal("redis", signal.SIGCONT)


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        pytest.param("Redis killed", kill_redis, id="killed"),
        pytest.param("Redis emptied", empty_redis, id="emptied"),
        pytest.param("Redis frozen", freeze_redis, id="frozen"),
    ],
)
def test_whatever_befalls_redis_nothing_is_late_or_lost(
    stage: Stage, name: str, harm: Callable[[Stage], None]
) -> None:
    with trial(stage, name) as current:
        harm(stage)
        current.say(f"fires go on after {stage.goes_on():.1f} s")
        pause(15)  # longer than the leader's lock lives
        stage.goes_on()

    nothing_lost(current)
    assert current.counts["latest fire (ms)"] < LATE


def nothing_lost(current: Trial) -> None:
    """No worker was harmed, so every execution counts."""
    assert current.counts["lost"] == 0
    assert current.counts["runs executed more than once"] == 0


def test_a_killed_database_comes_back_with_everything_that_was_told(stage: Stage) -> None:
    with trial(stage, "database killed") as current:
        stage.only(DATABASE).signal("database", signal.SIGKILL)
        current.say(f"fires go on after {stage.goes_on(180):.1f} s")

    nothing_lost(current)


def test_a_database_that_stood_still_for_a_minute_costs_no_run(stage: Stage) -> None:
    with trial(stage, "database frozen") as current:
        database = stage.only(DATABASE)
        database.signal("database", signal.SIGSTOP)
        try:
            pause(60)
        finally:
            database.signal("database", signal.SIGCONT)
        current.say(f"fires go on after {stage.goes_on(180):.1f} s")

    assert current.counts["missed"] > 0  # told, not dropped


def test_a_database_that_cannot_be_written_for_a_while_costs_no_run(stage: Stage) -> None:
    with trial(stage, "database read-only") as current:
        stage.as_root("SET GLOBAL read_only = 1")
        try:
            before = stage.fired()
            pause(20)
            assert stage.fired() <= before + 2
        finally:
            stage.as_root("SET GLOBAL read_only = 0")
        current.say(f"fires go on after {stage.goes_on(180):.1f} s")

    nothing_lost(current)


def test_commits_whose_answers_were_lost_count_once(stage: Stage) -> None:
    """It stands still until commits wait for it, and dies with their answers; three times."""
    with trial(stage, "database killed in mid-commit") as current:
        for _ in range(3):
            database = stage.only(DATABASE)
            database.signal("database", signal.SIGSTOP)
            pause(2)
            database.signal("database", signal.SIGCONT)
            pause(0.05)
            database.signal("database", signal.SIGKILL)
            current.say(f"fires go on after {stage.goes_on(240):.1f} s")

    nothing_lost(current)
