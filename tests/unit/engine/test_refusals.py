"""What a worker refused is remembered for a minute, for the version that it refused."""

from __future__ import annotations

from nice_operator.domain.ids import TaskId, uuid7
from nice_operator.engine.refusals import Refusals, TaskVersion

VERSION = TaskVersion(TaskId(uuid7()), 3)


def test_a_refusal_holds_for_a_minute() -> None:
    refusals = Refusals()
    refusals.note(VERSION, "disk full", now=100.0)
    assert refusals.current(159.9) == {VERSION: "disk full"}
    assert refusals.current(160.0) == {}


def test_a_refusal_said_again_begins_anew() -> None:
    refusals = Refusals()
    refusals.note(VERSION, "disk full", now=100.0)
    refusals.note(VERSION, "too busy", now=150.0)
    assert refusals.current(200.0) == {VERSION: "too busy"}
