"""What the end of an attempt means for its run, case by case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.retry import Ended, Fate, backoff, decide
from nice_operator.domain.run import Outcome, RunState
from nice_operator.domain.task import OnLost, RetryPolicy, RetryRule
from tests.support.samples import an_outcome

THREE = RetryPolicy(max_attempts=3, initial_delay=timedelta(seconds=10), factor=2, jitter=0.1)


def fate(
    outcome: Outcome,
    policy: RetryPolicy = THREE,
    *,
    attempt: int = 1,
    lost: int = 0,
    on_lost: OnLost = OnLost.RETRY,
    cancel: bool = False,
) -> Fate:
    ended = Ended(outcome, attempt, policy.max_attempts, lost, cancel)
    return decide(ended, policy, on_lost, lambda: 0.5)


def with_rules(*rules: RetryRule) -> RetryPolicy:
    return replace(THREE, rules=rules)


def test_a_success_is_final() -> None:
    assert fate(an_outcome(RunState.SUCCEEDED)).state is RunState.SUCCEEDED


def test_a_failure_is_tried_again_while_attempts_are_left() -> None:
    decided = fate(an_outcome(), attempt=2)
    assert (decided.state, decided.retry_after, decided.counted) == (
        RunState.QUEUED,
        timedelta(seconds=20),
        True,
    )
    assert fate(an_outcome(), attempt=3).state is RunState.FAILED


@pytest.mark.parametrize("state", [RunState.TIMED_OUT, RunState.CANCELLED])
def test_timeouts_and_cancels_are_not_tried_again_by_themselves(state: RunState) -> None:
    assert fate(an_outcome(state)).state is state


def test_a_rule_may_ask_for_a_timeout_to_be_tried_again() -> None:
    policy = with_rules(RetryRule("Retry", states=frozenset({"timed_out"})))
    assert fate(an_outcome(RunState.TIMED_OUT), policy).state is RunState.QUEUED


def test_a_cancelled_attempt_needs_a_rule_that_names_it() -> None:
    assert fate(an_outcome(RunState.CANCELLED), with_rules(RetryRule("Retry"))).state is RunState.CANCELLED
    named = with_rules(RetryRule("Retry", states=frozenset({"cancelled"})))
    assert fate(an_outcome(RunState.CANCELLED), named).state is RunState.QUEUED


def test_the_first_rule_that_matches_decides() -> None:
    policy = with_rules(
        RetryRule("Fail", exit_codes=frozenset({2})),
        RetryRule("RetryUncounted", exit_codes=frozenset({2, 75})),
    )
    assert fate(an_outcome(exit_code=2), policy).state is RunState.FAILED
    again = fate(an_outcome(exit_code=75), policy, attempt=9)
    assert (again.state, again.counted) == (RunState.QUEUED, False)
    assert fate(an_outcome(exit_code=1), policy).counted


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (RetryRule("Fail", signals=frozenset({"SIGSEGV"})), an_outcome(signal="SIGSEGV")),
        (RetryRule("Fail", error_types=frozenset({"ValueError"})), an_outcome(error_type="ValueError")),
        (RetryRule("Fail", message_contains="quota"), an_outcome(message="the quota is used up")),
        (RetryRule("Fail", states=frozenset({"failed"})), an_outcome()),
    ],
)
def test_a_rule_matches_by_each_condition_and_not_without_it(rule: RetryRule, outcome: Outcome) -> None:
    assert fate(outcome, with_rules(rule)).state is RunState.FAILED
    other = an_outcome(RunState.TIMED_OUT, exit_code=7, signal="SIGTERM", error_type="KeyError", message="x")
    only_then = with_rules(rule, RetryRule("Retry"))
    assert fate(other, only_then).state is RunState.QUEUED


def test_all_conditions_of_a_rule_must_hold() -> None:
    rule = RetryRule("Fail", exit_codes=frozenset({1}), message_contains="fatal")
    assert fate(an_outcome(exit_code=1, message="odd"), with_rules(rule)).state is RunState.QUEUED


def test_a_rule_that_retries_still_ends_with_the_attempts() -> None:
    policy = with_rules(RetryRule("Retry", exit_codes=frozenset({1})))
    assert fate(an_outcome(exit_code=1), policy, attempt=3).state is RunState.FAILED


def test_what_somebody_asked_to_cancel_is_not_tried_again() -> None:
    assert fate(an_outcome(), cancel=True).state is RunState.FAILED


def test_an_interrupted_attempt_goes_back_uncounted_at_once() -> None:
    decided = fate(an_outcome(interrupted=True), attempt=3)
    assert (decided.state, decided.retry_after, decided.counted) == (RunState.QUEUED, timedelta(0), False)
    assert decided.outcome.reason == "Interrupted"


def test_an_interrupted_attempt_that_must_not_run_twice_is_lost() -> None:
    decided = fate(an_outcome(interrupted=True), on_lost=OnLost.FAIL)
    assert (decided.state, decided.outcome.state) == (RunState.LOST, RunState.LOST)
    assert decided.outcome.reason == "Interrupted"


def test_an_interrupted_attempt_that_was_to_be_cancelled_is_cancelled() -> None:
    assert fate(an_outcome(interrupted=True), cancel=True).state is RunState.CANCELLED


def test_an_attempt_that_succeeded_while_it_was_interrupted_has_succeeded() -> None:
    assert fate(an_outcome(RunState.SUCCEEDED, interrupted=True)).state is RunState.SUCCEEDED


def test_a_lost_attempt_is_tried_again_uncounted_twice_and_is_poison_then() -> None:
    first = fate(an_outcome(RunState.LOST), attempt=3)
    assert (first.state, first.counted) == (RunState.QUEUED, False)
    assert fate(an_outcome(RunState.LOST), lost=1).state is RunState.QUEUED
    third = fate(an_outcome(RunState.LOST), lost=2)
    assert (third.state, third.outcome.reason) == (RunState.LOST, "Poison")


def test_a_lost_attempt_that_must_not_run_twice_is_lost() -> None:
    assert fate(an_outcome(RunState.LOST), on_lost=OnLost.FAIL).state is RunState.LOST


@given(
    attempt=st.integers(1, 10_000),
    random=st.floats(0, 1, exclude_max=True),
    jitter=st.floats(0, 1),
    factor=st.floats(1, 100),
)
def test_delays_are_never_negative_and_never_beyond_the_limit_and_its_jitter(
    attempt: int, random: float, jitter: float, factor: float
) -> None:
    policy = RetryPolicy(jitter=jitter, factor=factor)
    delay = backoff(policy, attempt, lambda: random)
    assert timedelta(0) <= delay <= policy.max_delay * (1 + jitter) + timedelta(microseconds=1)


def test_delays_grow_to_their_limit() -> None:
    policy = RetryPolicy(jitter=0)
    delays = [backoff(policy, attempt, lambda: 0.0).total_seconds() for attempt in range(1, 9)]
    assert delays == [10, 20, 40, 80, 160, 320, 600, 600]
