"""How many workers a pool should have, and which may go."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nice_operator.domain.ids import SessionId, uuid7
from nice_operator.domain.pool import Pool
from nice_operator.engine.scaling import Decision, Facts, Needs, WorkerFact, decide, needed

LONG = timedelta(minutes=1)
YOUNG = timedelta(milliseconds=200)


def a_pool(**changes: Any) -> Pool:
    values: dict[str, Any] = {"min": 1, "max": 10, "slots": 4, "idle": timedelta(minutes=5)}
    return Pool("nice", "default", "u", 1, **(values | changes))


def a_worker(busy: int = 0, *, draining: bool = False, ready: bool = True, idle: float = 0.0) -> WorkerFact:
    session = SessionId(uuid7())
    return WorkerFact(session, f"w-{session}", busy, draining, ready, timedelta(seconds=idle))


def facts(replicas: int, *workers: WorkerFact, **changes: Any) -> Facts:
    values: dict[str, Any] = {"queued": 0, "oldest": LONG}
    return Facts(replicas=replicas, workers=workers, **(values | changes))


@pytest.mark.parametrize(
    ("queued", "busy", "expected"),
    [
        (0, (), 1),
        (1, (), 1),
        (4, (), 1),
        (5, (), 2),
        (0, (4, 4), 2),
        (1, (4, 4), 3),
        (3, (1, 0), 1),
        (400, (), 10),
    ],
)
def test_what_waits_and_what_runs_share_slots(queued: int, busy: tuple[int, ...], expected: int) -> None:
    workers = [a_worker(number) for number in busy]

    assert needed(a_pool(), facts(len(busy), *workers, queued=queued)) == expected


def test_with_no_minimum_nothing_waiting_needs_nobody() -> None:
    assert needed(a_pool(min=0), facts(0)) == 0
    assert needed(a_pool(min=0), facts(0, queued=1)) == 1


def test_a_queue_that_is_young_is_left_to_those_who_are_there() -> None:
    full = a_worker(4)

    assert needed(a_pool(), facts(1, full, queued=3, oldest=YOUNG)) == 1
    assert needed(a_pool(), facts(1, full, queued=3, oldest=LONG)) == 2
    assert needed(a_pool(), facts(1, full, queued=30, oldest=YOUNG)) == 9  # they could not do it soon
    assert needed(a_pool(min=0), facts(0, queued=3, oldest=YOUNG)) == 1  # nobody is there


def test_runs_of_a_worker_that_leaves_ask_for_no_other() -> None:
    assert needed(a_pool(min=0), facts(1, a_worker(4, draining=True))) == 0


def test_a_pool_grows_at_once_to_what_is_needed() -> None:
    assert decide(a_pool(), facts(1, a_worker(4), queued=12), 4, None) == Decision(4)


def test_whoever_leaves_is_replaced_beside() -> None:
    leaving = a_worker(1, draining=True)

    assert decide(a_pool(), facts(2, leaving, a_worker(4), queued=4), 2, None).replicas == 3


def test_nothing_shrinks_before_the_pool_was_watched_for_its_idle_time() -> None:
    idle = [a_worker(idle=600) for _ in range(3)]

    assert decide(a_pool(), facts(3, *idle), 1, None) == Decision(3)


def test_nothing_shrinks_that_was_needed_within_the_idle_time() -> None:
    idle = [a_worker(idle=600) for _ in range(3)]

    assert decide(a_pool(), facts(3, *idle), 1, 3) == Decision(3)


def test_the_longest_idle_are_asked_to_leave_and_replicas_stay_until_they_have() -> None:
    busy, short, longer = a_worker(1), a_worker(idle=10), a_worker(idle=900)

    decision = decide(a_pool(), facts(3, busy, short, longer), 1, 2)

    assert decision == Decision(3, (longer.session,))


def test_no_busy_worker_is_asked_to_leave() -> None:
    busy = [a_worker(1) for _ in range(4)]

    assert decide(a_pool(slots=100), facts(4, *busy), 1, 1) == Decision(4)


def test_replicas_fall_when_who_was_asked_is_out() -> None:
    gone = a_worker(draining=True, ready=False)
    still_ready = a_worker(draining=True, ready=True)
    finishing = a_worker(2, draining=True, ready=True)

    assert decide(a_pool(), facts(4, gone, still_ready, finishing, a_worker()), 1, 1) == Decision(3)


def test_replicas_do_not_fall_while_kubernetes_might_take_a_pod_that_works() -> None:
    gone = a_worker(draining=True, ready=False)
    shaky = a_worker(1, ready=False)

    assert decide(a_pool(), facts(2, gone, shaky), 1, 1).replicas == 2
    assert decide(a_pool(), facts(3, shaky, idle_pods=2), 1, 1).replicas == 3


def test_a_pool_of_nobody_goes_to_zero_and_comes_back() -> None:
    pool, last = a_pool(min=0), a_worker(idle=400)

    assert decide(pool, facts(1, last), 0, 0) == Decision(1, (last.session,))
    out = WorkerFact(last.session, last.worker, 0, True, False)
    assert decide(pool, facts(1, out), 0, 0) == Decision(0)
    assert decide(pool, facts(0, queued=1), 1, 1) == Decision(1)


def test_pods_that_never_became_workers_go_first() -> None:
    idle = a_worker(idle=900)

    assert decide(a_pool(min=0), facts(3, idle, idle_pods=2), 0, 1) == Decision(1)
    assert decide(a_pool(min=0), facts(3, idle, idle_pods=2), 0, 0) == Decision(1, (idle.session,))


def test_while_templates_change_nobody_is_asked_to_leave() -> None:
    idle = [a_worker(idle=900) for _ in range(3)]

    assert decide(a_pool(), facts(3, *idle, rolling=True), 1, 1) == Decision(3)
    emptying = decide(a_pool(min=0), facts(3, *idle, rolling=True), 0, 0)
    assert len(emptying.drain) == 3


def test_a_lower_maximum_does_not_wait_for_the_idle_time_of_what_it_forbids() -> None:
    idle = [a_worker(idle=1) for _ in range(3)]

    decision = decide(a_pool(max=1), facts(3, *idle), 1, 3)

    assert len(decision.drain) == 2


def test_a_peak_counts_until_it_is_older_than_the_window() -> None:
    window = timedelta(seconds=60)
    needs = Needs(now=0.0)
    needs.note(0.0, 1)
    assert needs.most(10.0, window) is None  # not watched for long enough
    needs.note(30.0, 7)
    needs.note(32.0, 2)
    needs.note(61.0, 3)
    assert needs.most(61.0, window) == 7
    assert needs.most(89.0, window) == 7
    needs.note(91.0, 1)
    assert needs.most(91.0, window) == 3
    needs.note(122.0, 1)
    assert needs.most(122.0, window) == 1


def test_a_level_that_lasts_is_a_peak_until_it_ends() -> None:
    needs = Needs(now=0.0)
    for second in range(200):
        needs.note(float(second), 5)
    needs.note(200.0, 1)

    assert needs.most(200.0, timedelta(seconds=60)) == 5
    assert needs.most(258.0, timedelta(seconds=60)) == 5
    needs.note(260.0, 1)
    assert needs.most(260.0, timedelta(seconds=60)) == 1


def test_even_without_an_idle_time_a_pool_takes_a_breath() -> None:
    needs = Needs(now=0.0)
    needs.note(10.0, 4)
    needs.note(11.0, 1)

    assert needs.most(12.0, timedelta(0)) == 4
    needs.note(16.0, 1)
    assert needs.most(16.0, timedelta(0)) == 1
