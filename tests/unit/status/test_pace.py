"""How fast the API server is called, and when not at all."""

from __future__ import annotations

import asyncio

import pytest

from nice_operator.cluster.errors import KubeRefused, KubeUnavailable, error_of
from nice_operator.cluster.pace import LONGEST_PAUSE, Pace
from tests.unit.status.test_status_book import Hands


async def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    hands = Hands()
    pace = Pace(10, 5, hands)
    async with asyncio.timeout(0.5):
        for _ in range(5):
            await pace.turn()

    assert pace._pause() == pytest.approx(0.1)
    hands.now += 0.2
    async with asyncio.timeout(0.5):
        await pace.turn()


def test_calls_that_fail_together_count_once_and_pauses_grow_to_a_limit() -> None:
    hands = Hands()
    pace = Pace(10, 5, hands)
    pauses = []
    for _ in range(12):
        pauses.append(pace.failed())
        assert pace.failed() == pauses[-1]
        hands.now += pauses[-1]

    assert 0.25 <= pauses[0] <= 0.5
    assert 0.5 <= pauses[1] <= 1.0
    assert all(LONGEST_PAUSE / 2 <= pause <= LONGEST_PAUSE for pause in pauses[-3:])
    pace.answered()
    assert pace.failed() <= 0.5


def test_a_wish_for_patience_is_granted() -> None:
    hands = Hands()
    pace = Pace(10, 5, hands)

    assert pace.failed(retry_after=17) == 17
    assert pace.resting
    hands.now += 17
    assert not pace.resting


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_unavailable_with_the_pause_that_was_asked_for(status: int) -> None:
    error = error_of("GET /x", status, {"message": "busy"}, {"Retry-After": "3"})

    assert isinstance(error, KubeUnavailable)
    assert error.retry_after == 3
    assert "GET /x" in str(error)
    assert "busy" in str(error)


@pytest.mark.parametrize(("status", "gone"), [(404, True), (409, True), (403, False), (422, False)])
def test_what_does_not_pass_is_refused(status: int, gone: bool) -> None:
    error = error_of("GET /x", status, {"reason": "Whatever"}, {"Retry-After": "Wed, 21 Oct 2026"})

    assert isinstance(error, KubeRefused)
    assert (error.status, error.reason, error.gone) == (status, "Whatever", gone)
