"""The leader's row: one holder at a time by the database's clock, and numbers that only grow."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

from nice_operator.ports import Term
from tests.support.stores import StoreHarness

TTL = timedelta(seconds=10)


async def test_the_first_to_ask_leads_and_the_second_does_not(harness: StoreHarness) -> None:
    one, two = uuid4(), uuid4()

    assert await harness.store.take_lead("a", one, TTL) == Term(1, "a")
    assert await harness.store.take_lead("b", two, TTL) is None


async def test_of_many_who_ask_at_once_one_leads(harness: StoreHarness) -> None:
    stores = [harness.store, await harness.open_another(), await harness.open_another()]
    asked = [stores[n % 3].take_lead(f"r{n}", uuid4(), TTL) for n in range(12)]

    terms = [term for term in await asyncio.gather(*asked) if term is not None]

    assert [term.number for term in terms] == [1]


async def test_a_term_that_is_not_kept_ends_and_the_next_has_a_greater_number(harness: StoreHarness) -> None:
    one, two = uuid4(), uuid4()
    first = await harness.store.take_lead("a", one, TTL)
    assert first is not None
    harness.advance(9)
    assert await harness.store.take_lead("b", two, TTL) is None
    harness.advance(1)

    assert await harness.store.take_lead("b", two, TTL) == Term(2, "b")
    assert not await harness.store.keep_lead(first, one, TTL)


async def test_a_term_that_is_kept_goes_on(harness: StoreHarness) -> None:
    one, two = uuid4(), uuid4()
    term = await harness.store.take_lead("a", one, TTL)
    assert term is not None
    for _ in range(5):
        harness.advance(9)
        assert await harness.store.keep_lead(term, one, TTL)

    assert await harness.store.take_lead("b", two, TTL) is None


async def test_a_late_renewal_counts_when_nobody_has_taken_over(harness: StoreHarness) -> None:
    one = uuid4()
    term = await harness.store.take_lead("a", one, TTL)
    assert term is not None
    harness.advance(60)

    assert await harness.store.keep_lead(term, one, TTL)
    assert await harness.store.take_lead("b", uuid4(), TTL) is None


async def test_a_term_that_was_left_can_be_followed_at_once(harness: StoreHarness) -> None:
    one = uuid4()
    term = await harness.store.take_lead("a", one, TTL)
    assert term is not None
    await harness.store.leave_lead(term, one)

    assert await harness.store.take_lead("b", uuid4(), TTL) == Term(2, "b")


async def test_leaving_a_term_that_is_over_takes_nothing_from_the_next(harness: StoreHarness) -> None:
    one = uuid4()
    old = await harness.store.take_lead("a", one, TTL)
    assert old is not None
    harness.advance(10)
    await harness.store.take_lead("b", uuid4(), TTL)
    await harness.store.leave_lead(old, one)

    assert await harness.store.take_lead("c", uuid4(), TTL) is None


async def test_whoever_asks_again_without_having_heard_the_answer_leads(harness: StoreHarness) -> None:
    one = uuid4()
    await harness.store.take_lead("a", one, TTL)

    assert await harness.store.take_lead("a", one, TTL) == Term(2, "a")


async def test_a_clock_that_goes_back_a_day_bars_nobody_for_a_day(harness: StoreHarness) -> None:
    await harness.store.take_lead("a", uuid4(), TTL)
    harness.advance(-86_400)

    assert await harness.store.take_lead("b", uuid4(), TTL) == Term(2, "b")


async def test_anybody_can_see_who_leads_and_since_when(harness: StoreHarness) -> None:
    assert await harness.store.lead() is None
    since = harness.now()
    term = await harness.store.take_lead("a", uuid4(), TTL)

    lead = await harness.store.lead()
    assert lead is not None
    assert (lead.term, lead.since, lead.lasts) == (term, since, True)
    harness.advance(10)
    over = await harness.store.lead()
    assert over is not None
    assert not over.lasts


async def test_a_renewal_since_the_clock_was_asked_is_no_clock_that_went_back(harness: StoreHarness) -> None:
    one, two = uuid4(), uuid4()
    term = await harness.store.take_lead("a", one, TTL)
    assert term is not None
    harness.advance(1)
    assert await harness.store.keep_lead(term, one, TTL)
    harness.advance(-1)  # as the other one still believes

    assert await harness.store.take_lead("b", two, TTL) is None
