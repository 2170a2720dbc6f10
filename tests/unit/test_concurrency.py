"""Admission and retention, the pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nice_operator.domain.concurrency import ActiveRun, Refuse, Replace, Start, Wait, admit, free_slot
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.reasons import Reason
from nice_operator.domain.retention import EndedRun, expendable
from nice_operator.domain.run import RunState
from nice_operator.domain.task import Concurrency, ConcurrencyPolicy, History, Keep

ONE_AT_A_TIME = {
    policy: Concurrency(policy, 1)
    for policy in (ConcurrencyPolicy.FORBID, ConcurrencyPolicy.REPLACE, ConcurrencyPolicy.COALESCE)
}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def holder(slot: int | None = 0) -> ActiveRun:
    return ActiveRun(RunId(uuid7()), RunState.RUNNING, slot, waiting=False)


def waiter() -> ActiveRun:
    return ActiveRun(RunId(uuid7()), RunState.QUEUED, None, waiting=True)


@pytest.mark.parametrize("policy", list(ConcurrencyPolicy))
def test_the_first_run_starts_under_every_policy(policy: ConcurrencyPolicy) -> None:
    assert admit(Concurrency(policy, 1), []) == Start(0)


def test_without_a_limit_everything_starts_and_needs_no_slot() -> None:
    allow = Concurrency(ConcurrencyPolicy.ALLOW, None)

    assert admit(allow, [holder(None), waiter()]) == Start(None)


def test_each_policy_deals_with_a_run_in_the_way_in_its_own_manner() -> None:
    running = holder()
    answers = {policy: admit(rule, [running]) for policy, rule in ONE_AT_A_TIME.items()}

    assert answers == {
        ConcurrencyPolicy.FORBID: Refuse(Reason.OVERLAP, running),
        ConcurrencyPolicy.REPLACE: Replace((running,)),
        ConcurrencyPolicy.COALESCE: Wait(running),
    }


def test_coalesce_refuses_what_a_waiting_run_stands_for() -> None:
    running, waiting = holder(), waiter()

    answer = admit(ONE_AT_A_TIME[ConcurrencyPolicy.COALESCE], [running, waiting])

    assert answer == Refuse(Reason.COALESCED, waiting)


def test_the_patient_wait_where_forbid_would_refuse() -> None:
    running = holder()

    assert admit(ONE_AT_A_TIME[ConcurrencyPolicy.FORBID], [running], patient=True) == Wait(running)


def test_nobody_overtakes_a_waiting_run() -> None:
    waiting = waiter()

    assert admit(Concurrency(ConcurrencyPolicy.ENQUEUE, 2), [waiting]) == Wait(waiting)


def test_a_run_gets_the_lowest_free_slot() -> None:
    three = Concurrency(ConcurrencyPolicy.ENQUEUE, 3)

    assert [free_slot(three, runs) for runs in ([holder(0), holder(2)], [holder(1)], [])] == [1, 0, 0]


def test_runs_from_before_the_limit_count() -> None:
    two = Concurrency(ConcurrencyPolicy.ENQUEUE, 2)

    assert free_slot(two, [holder(None), holder(None)]) is None
    assert free_slot(two, [holder(None)]) == 0


def test_a_lowered_limit_admits_nobody_until_enough_have_ended() -> None:
    assert free_slot(Concurrency(ConcurrencyPolicy.ENQUEUE, 1), [holder(4)]) is None


def ended(*states: RunState, days: int = 0) -> list[EndedRun]:
    return [EndedRun(RunId(uuid7()), state, NOW - timedelta(days=days)) for state in states]


def test_successes_never_push_out_a_failure() -> None:
    runs = ended(*[RunState.SUCCEEDED] * 5, RunState.FAILED)
    history = History(Keep(2, None), Keep(2, None))

    assert expendable(history, runs, NOW) == [run.id for run in runs[2:5]]


def test_old_runs_go_but_the_last_of_each_kind_stays() -> None:
    runs = ended(RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.LOST, RunState.FAILED, days=9)
    history = History(Keep(None, timedelta(days=8)), Keep(None, timedelta(days=8)))

    assert expendable(history, runs, NOW) == [runs[1].id, runs[3].id]


def test_without_limits_nothing_goes() -> None:
    unlimited = History(Keep(None, None), Keep(None, None))

    assert expendable(unlimited, ended(*[RunState.SKIPPED] * 9, days=999), NOW) == []
