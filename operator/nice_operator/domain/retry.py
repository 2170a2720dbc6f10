"""What the end of an attempt means for its run: done, or once more, and when.

Rules, in this order (SEMANTICS of the field: podFailurePolicy, Temporal, Faktory):

1. What succeeded is done. What somebody asked to cancel is never tried again.
2. An interrupted attempt (a drain) goes back uncounted; under ``onLost: Fail`` the run is lost.
3. A lost attempt is not the user's failure: back uncounted, at most three times; ``onLost: Fail``: lost.
4. The task's retry rules, the first that matches. A cancelled attempt matches only a rule that names
   ``cancelled``.
5. Else a failed attempt is tried again while attempts are left; a timeout is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from nice_operator.domain.reasons import Reason, sentence
from nice_operator.domain.run import Outcome, RunState
from nice_operator.domain.task import OnLost, RetryPolicy, RetryRule

MAX_LOSSES = 3
"""A run that lost this many workers is poison."""


class Action(StrEnum):
    """What a retry rule asks for."""

    RETRY = "Retry"
    RETRY_UNCOUNTED = "RetryUncounted"
    FAIL = "Fail"


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt's end in its setting: ``attempt`` counts executions begun, this one included."""

    outcome: Outcome
    attempt: int
    max_attempts: int
    lost_count: int
    cancel_requested: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """Where the run goes: ``outcome`` with the reason that the run shall carry; ``state`` QUEUED for another
    attempt after ``retry_after``; ``counted`` whether this attempt uses up one of the allowed ones."""

    outcome: Outcome
    state: RunState
    retry_after: timedelta | None = None
    counted: bool = True


def decide(ended: Ended, policy: RetryPolicy, on_lost: OnLost, random: Callable[[], float]) -> Fate:
    """Apply the rules above. ``random`` gives numbers in [0, 1) for the jitter."""
    outcome = ended.outcome
    if outcome.interrupted and outcome.state is not RunState.SUCCEEDED:
        return _interrupted(ended, on_lost)
    if outcome.state is RunState.SUCCEEDED or ended.cancel_requested:
        return Fate(outcome, outcome.state)
    if outcome.state is RunState.LOST:
        return _lost(ended, policy, on_lost, random)
    return _by_rules(ended, policy, random)


def _interrupted(ended: Ended, on_lost: OnLost) -> Fate:
    outcome = replace(ended.outcome, reason=Reason.INTERRUPTED, message=sentence(Reason.INTERRUPTED))
    if ended.cancel_requested:
        return Fate(replace(outcome, state=RunState.CANCELLED), RunState.CANCELLED)
    if on_lost is OnLost.FAIL:
        return Fate(replace(outcome, state=RunState.LOST), RunState.LOST)
    return Fate(outcome, RunState.QUEUED, timedelta(0), counted=False)


def _lost(ended: Ended, policy: RetryPolicy, on_lost: OnLost, random: Callable[[], float]) -> Fate:
    losses = ended.lost_count + 1
    if losses >= MAX_LOSSES:
        message = sentence(Reason.POISON, count=losses)
        return Fate(replace(ended.outcome, reason=Reason.POISON, message=message), RunState.LOST)
    if on_lost is OnLost.FAIL:
        return Fate(ended.outcome, RunState.LOST)
    return Fate(ended.outcome, RunState.QUEUED, backoff(policy, losses, random), counted=False)


def _by_rules(ended: Ended, policy: RetryPolicy, random: Callable[[], float]) -> Fate:
    outcome = ended.outcome
    action = _action(outcome, policy.rules)
    counted = action is not Action.RETRY_UNCOUNTED
    if action is Action.FAIL or (counted and ended.attempt >= ended.max_attempts):
        return Fate(outcome, outcome.state)
    return Fate(outcome, RunState.QUEUED, backoff(policy, ended.attempt, random), counted)


def _action(outcome: Outcome, rules: tuple[RetryRule, ...]) -> Action:
    for rule in rules:
        if matches(rule, outcome):
            return Action(rule.action)
    return Action.RETRY if outcome.state is RunState.FAILED else Action.FAIL


def matches(rule: RetryRule, outcome: Outcome) -> bool:
    """Whether every condition that the rule states holds."""
    if outcome.state is RunState.CANCELLED and outcome.state not in rule.states:
        return False
    return (
        (not rule.states or outcome.state in rule.states)
        and (not rule.exit_codes or outcome.exit_code in rule.exit_codes)
        and (not rule.signals or outcome.signal in rule.signals)
        and (not rule.error_types or outcome.error_type in rule.error_types)
        and rule.message_contains in outcome.message
    )


def backoff(policy: RetryPolicy, attempt: int, random: Callable[[], float]) -> timedelta:
    """How long to wait after the ``attempt``-th one (from 1): it grows by ``factor`` up to ``max_delay``, and
    ``jitter`` moves it by at most that fraction either way, so that runs which failed together do not
    come back together."""
    base = _grown(policy, attempt)
    return base * (1 + policy.jitter * (2 * random() - 1))


def _grown(policy: RetryPolicy, attempt: int) -> timedelta:
    try:
        seconds = policy.initial_delay.total_seconds() * policy.factor ** (attempt - 1)
    except OverflowError:
        return policy.max_delay
    return timedelta(seconds=min(seconds, policy.max_delay.total_seconds()))
