"""What is said of a pool in its status."""

from __future__ import annotations

from typing import Any

import pytest

from nice_operator.domain.pool import Pool
from nice_operator.engine.pool_report import Seen, report_of
from nice_operator.ports import Deployed

POOL = Pool("nice", "default", "u", 7)
BROKEN = Pool("nice", "default", "u", 8, stalled="spec.template.spec.hostPID: must not be set; remove it")


def seen(**changes: Any) -> Seen:
    values: dict[str, Any] = {"workers": 2, "busy": 1, "queued": 3, "deployed": Deployed(2, 2, False)}
    return Seen(**(values | changes))


@pytest.mark.parametrize(
    ("pool", "facts", "ready", "reason", "stalled", "says"),
    [
        (POOL, seen(), True, "Connected", False, "connected"),
        (POOL, seen(workers=0, deployed=Deployed(0, 0, False)), True, "ScaledToZero", False, "next run"),
        (POOL, seen(workers=0), False, "Starting", False, "being started"),
        (POOL, seen(workers=0, deployed=None), False, "Starting", False, "being started"),
        (POOL, seen(workers=0, trouble="ImagePullBackOff"), False, "PodsFailing", False, "ImagePullBackOff"),
        (POOL, seen(workers=0, refusal="no such field"), False, "NotDeployed", True, "no such field"),
        (POOL, seen(refusal="no such field"), True, "EarlierWorkers", True, "no such field"),
        (POOL, seen(workers=0, deployed=Deployed(2, 0, False, "quota")), False, "PodsRefused", True, "quota"),
        (BROKEN, seen(workers=0, refusal=BROKEN.stalled), False, "InvalidSpec", True, "hostPID"),
    ],
)
def test_a_pool_is_ready_or_stalled_with_a_reason(
    pool: Pool, facts: Seen, ready: bool, reason: str, stalled: bool, says: str
) -> None:
    status = report_of(pool, facts)

    found = {condition.type: condition for condition in status.conditions}
    assert (found["Ready"].status, found["Ready"].reason) == (ready, reason)
    assert found["Stalled"].status is stalled
    assert says in found["Ready"].message


def test_the_figures_and_the_generation_are_told() -> None:
    status = report_of(POOL, seen())

    assert (status.generation, status.workers, status.busy, status.queued) == (7, 2, 1, 3)


def test_figures_alone_change_no_condition() -> None:
    assert report_of(POOL, seen()).conditions == report_of(POOL, seen(workers=9, busy=8, queued=0)).conditions
