"""The reason on a stalled task's badge is the one that its file has now."""

from __future__ import annotations

from nice_operator.domain.errors import Problem
from nice_operator.web.definitions import BrokenFile, stalled_now
from tests.support.samples import a_task

STALL = Problem("spec.schedule", "never fires", 4)
STALLED = a_task(origin="a.yaml:1", stalled="spec.schedule: never fires")


def test_a_stalled_version_says_why_while_its_file_says_the_same() -> None:
    assert stalled_now(STALLED, [BrokenFile("a.yaml", (STALL,))]) == STALLED.stalled
    assert stalled_now(STALLED, []) == STALLED.stalled


def test_a_file_with_another_mistake_since_then_does_not_repeat_the_old_reason() -> None:
    other = BrokenFile("a.yaml", (Problem("", "a colon is missing", 2),))

    assert stalled_now(STALLED, [other]) == ""
    assert stalled_now(STALLED, [BrokenFile("b.yaml", other.problems)]) == STALLED.stalled
