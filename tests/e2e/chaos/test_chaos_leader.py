"""The leader dies or stands still: another one leads, and time is not lost meanwhile (F1–F3, F14)."""

from __future__ import annotations

import signal
import time

import pytest

from tests.support.release import until
from tests.support.stage.stage import OPERATOR, Stage
from tests.support.stage.trial import Trial, trial

pytestmark = pytest.mark.timeout(900)

FROZEN = 30.0
LATE = 15_000
"""Milliseconds that a fire may be late on a busy machine: an operator's own share is a second."""


def another_leads(stage: Stage, than: str, current: Trial) -> None:
    began = time.monotonic()
    until(lambda: stage.leader().name != than or None, "another operator leads", 60)
    current.say(f"another leads after {time.monotonic() - began:.1f} s")


def test_a_killed_leader_is_followed_and_nothing_is_late_lost_or_doubled(stage: Stage) -> None:
    with trial(stage, "leader killed") as current:
        leader = stage.leader()
        leader.signal("operator", signal.SIGKILL)
        another_leads(stage, leader.name, current)
        stage.goes_on()

    assert current.counts["lost"] == 0
    assert current.counts["latest fire (ms)"] < LATE


def test_a_leader_that_froze_finds_its_term_over_when_it_thaws(stage: Stage) -> None:
    with trial(stage, "leader frozen") as current:
        leader = stage.leader()
        leader.signal("operator", signal.SIGSTOP)
        frozen = time.monotonic()
        another_leads(stage, leader.name, current)
        until(lambda: time.monotonic() > frozen + FROZEN or None, "half a minute is over")
        leader.signal("operator", signal.SIGCONT)
        current.say("thawed")
        stage.goes_on()
        assert len(stage.pods(OPERATOR)) == 2

    assert current.counts["latest fire (ms)"] < LATE
