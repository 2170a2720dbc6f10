"""One client's share of the server."""

from __future__ import annotations

import pytest

from nice_operator.domain.errors import TooMany
from nice_operator.web.shares import BURST_SECONDS, BYTES_PER_COST, MOST, UNKNOWN_SIZE, Shares
from tests.fakes.clock import FakeClock

RATE = 10.0
BURST = int(RATE * BURST_SECONDS)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def shares(clock: FakeClock) -> Shares:
    return Shares(RATE, clock.monotonic)


def spent(shares: Shares, client: str, size: int | None = 0, most: int = 100_000) -> int:
    """How many requests are let in until one is refused."""
    for count in range(most):
        try:
            shares.spend(client, size)
        except TooMany:
            return count
    return most


def test_a_burst_is_let_in_and_then_what_comes_back_with_time(shares: Shares, clock: FakeClock) -> None:
    assert spent(shares, "ada") == BURST
    assert spent(shares, "ada") == 0
    clock.now += 2
    assert spent(shares, "ada") == 2 * RATE
    clock.now += 3600
    assert spent(shares, "ada") == BURST


def test_clients_do_not_spend_each_others(shares: Shares) -> None:
    spent(shares, "ada")
    assert spent(shares, "bob") == BURST


def test_bodies_cost_by_their_size(shares: Shares) -> None:
    assert spent(shares, "ada", 9 * BYTES_PER_COST) == BURST // 10
    assert spent(shares, "bob", None) == max(1, BURST // (1 + UNKNOWN_SIZE // BYTES_PER_COST))


def test_the_largest_body_is_let_in_by_a_full_bucket(shares: Shares) -> None:
    assert spent(shares, "ada", 1 << 30) == 1


def test_a_refusal_says_when_to_ask_again_and_asking_then_succeeds(shares: Shares, clock: FakeClock) -> None:
    spent(shares, "client ada")
    with pytest.raises(TooMany, match="client ada has sent more than its share") as refusal:
        shares.spend("client ada", 19 * BYTES_PER_COST)
    assert refusal.value.retry_after == 2
    clock.now += refusal.value.retry_after
    shares.spend("client ada", 19 * BYTES_PER_COST)


def test_without_a_rate_nobody_is_refused(clock: FakeClock) -> None:
    assert spent(Shares(0, clock.monotonic), "ada", 1 << 20, most=5000) == 5000


def test_what_is_remembered_is_bounded(shares: Shares) -> None:
    spent(shares, "ada")
    for number in range(MOST):
        shares.spend(f"user {number}", 0)
    assert spent(shares, "ada") == BURST, "the oldest is forgotten, and begins anew"
