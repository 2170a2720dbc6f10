"""How often CloudWatch is asked when it does not want to be."""

from __future__ import annotations

from nice_runner.logs.cloudwatch.pace import DENIED_SECONDS, LONGEST_PAUSE, Pace
from nice_runner.logs.cloudwatch.trouble import Away, Denied


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_pauses_double_up_to_half_a_minute_with_chance_in_them() -> None:
    clock = Clock()
    pace = Pace(clock)
    pauses = []
    for _ in range(12):
        pace.failed(Away("throttled"))
        pauses.append(pace.wait())
        clock.now += pauses[-1]

    for pause, whole in zip(pauses, [1, 2, 4, 8, 16, *[LONGEST_PAUSE] * 7], strict=True):
        assert whole / 2 <= pause <= whole
    assert len(set(pauses[5:])) > 1


def test_calls_that_fail_together_count_as_one() -> None:
    pace = Pace(Clock())

    for _ in range(8):
        pace.failed(Away("throttled"))

    assert pace.wait() <= 1


def test_one_success_ends_all_care() -> None:
    pace = Pace(Clock())
    pace.failed(Away("no route"))
    assert pace.careful

    pace.fine()

    assert (pace.careful, pace.wait()) == (False, 0)


def test_a_refusal_is_hopeless_after_two_minutes_without_a_success() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.failed(Denied("no"))
    clock.now += DENIED_SECONDS - 1
    pace.failed(Denied("no"))
    before = pace.hopeless
    clock.now += 1

    assert (before, pace.hopeless) == (False, True)


def test_an_outage_is_never_hopeless() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.failed(Denied("no"))
    for _ in range(100):
        clock.now += 3600
        pace.failed(Away("no route"))

    assert not pace.hopeless


def test_who_leaves_waits_for_a_second_at_most() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(8):
        pace.failed(Away("no route"))
        clock.now += pace.wait() + 1
    pace.failed(Away("no route"))

    pace.hurry()
    assert pace.wait() == 0
    pace.failed(Away("no route"))
    assert 0 < pace.wait() <= 1
