"""When a run must go because its lease will."""

from __future__ import annotations

from nice_runner.supervisor.trust import Trust


def test_without_a_lease_trust_never_ends() -> None:
    trust = Trust()
    trust.welcomed(None, 0.0)
    assert not trust.over(5, 1e9)


def test_trust_ends_early_enough_for_the_grace_and_a_margin() -> None:
    trust = Trust()
    trust.welcomed(30.0, 100.0)
    assert not trust.over(5, 121.9)
    assert trust.over(5, 122.0)
    assert not trust.over(1, 125.9)
    assert trust.over(1, 126.0)


def test_a_long_grace_does_not_shorten_trust_further() -> None:
    trust = Trust()
    trust.welcomed(30.0, 100.0)
    assert not trust.over(600, 121.9)


def test_trust_counts_from_the_sending_of_what_was_acknowledged() -> None:
    trust = Trust()
    trust.welcomed(30.0, 100.0)
    trust.sent(1, 110.0)
    trust.sent(2, 115.0)
    trust.acknowledged(1)
    assert not trust.over(5, 131.9)
    assert trust.over(5, 132.0)
    trust.acknowledged(2)
    assert not trust.over(5, 136.9)


def test_an_answer_to_a_heartbeat_of_an_earlier_connection_counts_for_nothing() -> None:
    trust = Trust()
    trust.welcomed(30.0, 100.0)
    trust.sent(1, 110.0)
    trust.welcomed(30.0, 105.0)
    trust.acknowledged(1)
    assert trust.over(5, 127.0)
