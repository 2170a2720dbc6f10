"""Leading: what is begun with a term ends with it, in time, whatever hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.domain.errors import Unavailable
from nice_operator.engine.leading import Leading
from nice_operator.engine.loops import Loop
from nice_operator.lease.local import LocalLeadership, LocalWakeups
from nice_operator.ports import Duty, Leadership, Term

WITHIN = 10.0
TTL = 1.0


@dataclass
class Scripted:
    """``ports.Leadership`` as a test says; ``keeping`` answers each renewal."""

    keeping: Callable[[], Awaitable[bool]] = field(default=lambda: _yes())
    free: bool = True
    ttl: float = TTL
    number: int = 0
    left: list[int] = field(default_factory=list)

    async def take(self) -> Term | None:
        if not self.free:
            return None
        self.number += 1
        return Term(self.number, "me")

    async def keep(self, term: Term) -> bool:
        return await self.keeping()

    async def leave(self, term: Term) -> None:
        self.left.append(term.number)


async def _yes() -> bool:
    return True


async def _no() -> bool:
    return False


async def _never() -> bool:
    await asyncio.Event().wait()
    return True


async def _away() -> bool:
    raise Unavailable("the database does not answer")


@dataclass
class Watched:
    """A duty that tells when it begins and ends, and does what ``work`` does in between."""

    work: Callable[[Term], Awaitable[None]]
    name: str = "watched"
    began: list[int] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def lead(self, term: Term) -> None:
        self.began.append(term.number)
        await self._tell()
        try:
            await self.work(term)
        finally:
            self.ended.append(time.monotonic())
            await self._tell()

    async def _tell(self) -> None:
        async with self.news:
            self.news.notify_all()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(WITHIN), self.news:
            await self.news.wait_for(true)


async def _forever(term: Term) -> None:
    await asyncio.Event().wait()


@asynccontextmanager
async def leading(leadership: Leadership, *duties: Duty) -> AsyncIterator[tuple[Leading, Loop]]:
    service = Leading(leadership, duties, LocalWakeups(), SystemClock(), end_within=0.5)
    loop = Loop(service, SystemClock())
    await loop.start()
    try:
        yield service, loop
    finally:
        await loop.stop()


async def test_a_replica_that_is_alone_leads_and_does_every_duty() -> None:
    one, two = Watched(_forever), Watched(_forever)
    async with leading(LocalLeadership("me"), one, two) as (service, _):
        await one.until(lambda: one.began == [1])
        await two.until(lambda: two.began == [1])

        assert service.term == Term(1, "me")
        assert [health.running for health in service.duties()] == [True, True]


async def test_stopping_ends_the_duties_and_then_leaves_the_term() -> None:
    leadership, duty = Scripted(), Watched(_forever)
    async with leading(leadership, duty) as (service, loop):
        await duty.until(lambda: duty.began == [1])
        await loop.stop()

        assert (len(duty.ended), leadership.left, service.term) == (1, [1], None)


async def test_a_term_that_somebody_else_took_ends_at_the_next_renewal() -> None:
    leadership, duty = Scripted(keeping=_no), Watched(_forever)
    async with leading(leadership, duty):
        await duty.until(lambda: duty.began == [1])
        leadership.free = False
        await duty.until(lambda: len(duty.ended) == 1)


async def test_a_renewal_that_hangs_ends_the_term_before_its_time_is_over() -> None:
    leadership, duty = Scripted(keeping=_never), Watched(_forever)
    async with leading(leadership, duty):
        began = time.monotonic()
        await duty.until(lambda: len(duty.ended) == 1)

        assert duty.ended[0] - began < TTL


async def test_renewals_that_fail_end_the_term_before_its_time_is_over_but_not_at_once() -> None:
    leadership, duty = Scripted(keeping=_away), Watched(_forever)
    async with leading(leadership, duty):
        began = time.monotonic()
        await duty.until(lambda: len(duty.ended) == 1)

        assert TTL / 2 < duty.ended[0] - began < TTL


async def test_one_renewal_that_fails_ends_nothing() -> None:
    answers = iter([_away, _yes, _yes, _no])
    leadership, duty = Scripted(ttl=2.0), Watched(_forever)
    leadership.keeping = lambda: next(answers)()
    async with leading(leadership, duty):
        began = time.monotonic()
        await duty.until(lambda: len(duty.ended) == 1)

        assert duty.ended[0] - began > 2.0 * 0.8


async def test_a_duty_that_fails_is_done_again_while_the_term_lasts() -> None:
    async def fail(term: Term) -> None:
        raise ValueError("no luck")

    duty, other = Watched(fail), Watched(_forever)
    async with leading(Scripted(), duty, other) as (service, loop):
        await duty.until(lambda: len(duty.began) == 3)

        assert duty.began == [1, 1, 1]
        assert (other.began, other.ended) == ([1], [])
        assert service.duties()[0].last_error == "no luck"
        assert loop.health().failures == 0


async def test_a_duty_that_does_not_end_keeps_this_replica_from_beginning_it_again() -> None:
    stubborn = asyncio.Event()

    async def deaf(term: Term) -> None:
        while not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue

    leadership, duty = Scripted(keeping=_no), Watched(deaf)
    async with leading(leadership, duty) as (_, loop):
        await duty.until(lambda: duty.began == [1])
        async with asyncio.timeout(WITHIN):
            while not loop.health().failures:
                await asyncio.sleep(0.05)

        assert duty.began == [1]
        assert leadership.left == []
        assert "watched" in loop.health().last_error
        stubborn.set()
        await duty.until(lambda: len(duty.began) == 2)


async def test_a_replica_that_leaves_wakes_those_that_wait() -> None:
    free = asyncio.Event()
    wakeups = LocalWakeups()

    class Shared(Scripted):
        async def take(self) -> Term | None:
            term, self.free = (await super().take()), False
            return term

        async def leave(self, term: Term) -> None:
            self.free = True
            free.set()

    shared, first, second = Shared(), Watched(_forever), Watched(_forever)
    loops = [
        Loop(Leading(shared, (duty,), wakeups, SystemClock()), SystemClock()) for duty in (first, second)
    ]
    await loops[0].start()
    await first.until(lambda: first.began == [1])
    await loops[1].start()
    await loops[0].stop()
    left = time.monotonic()
    await second.until(lambda: second.began == [2])

    assert free.is_set()
    assert time.monotonic() - left < 0.9
    await loops[1].stop()
