"""How a term begins when the database stands still: the listing waits for it, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.handlers.duty import KubernetesDuty
from nice_operator.handlers.reconciler import BATCH, MOST_WAITING
from nice_operator.handlers.watch import WatchSettings
from nice_operator.ports import KnownTask, KubeAccess, Term
from tests.integration.test_handlers_reconciler import Objects, Statuses, shown

PAGE = 250
PAGES = 12
FULL = -(-(MOST_WAITING + 2 * BATCH) // PAGE)
"""Pages after which as many objects wait as may, and both workers have a batch in hand."""


class StandingStill:
    """The engine's tasks, behind a database that never answers a write."""

    async def known(self) -> Sequence[KnownTask]:
        return ()

    async def put_many(self, definitions: Sequence[TaskDefinition]) -> Sequence[Task]:
        return await asyncio.get_running_loop().create_future()

    async def delete(self, namespace: str, name: str, *, uid: str | None = None) -> object:
        return await asyncio.get_running_loop().create_future()


@dataclass
class PagedObjects(Objects):
    """More new objects than may wait. ``told``: pages asked for; ``full``: that as many were as may wait."""

    told: int = 0
    full: asyncio.Event = field(default_factory=asyncio.Event)

    async def pages(self, namespace: str | None) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        for page in range(PAGES):
            self.told += 1
            if self.told * PAGE >= MOST_WAITING:
                self.full.set()
            yield [shown(f"t-{page}-{number}") for number in range(PAGE)]
            await asyncio.sleep(0)  # the API server takes its time too


@dataclass
class EndsWhenComplete(Statuses):
    """Ends the term there: the watch, which is next, would need an API server."""

    term: asyncio.Task[None] | None = None

    def complete(self) -> None:
        super().complete()
        assert self.term is not None
        self.term.cancel()


def _begun(within: float) -> tuple[PagedObjects, EndsWhenComplete, asyncio.Task[None]]:
    objects, statuses = PagedObjects(), EndsWhenComplete()
    settings = WatchSettings(KubeAccess())
    duty = KubernetesDuty(settings, StandingStill(), objects, statuses, first_listing_within=within)
    statuses.term = asyncio.create_task(duty.lead(Term(1, "test")))
    return objects, statuses, statuses.term


async def test_watch_and_statuses_begin_in_time_although_nothing_is_recorded() -> None:
    objects, statuses, term = _begun(within=0.5)

    ended, _ = await asyncio.wait([term], timeout=30)

    assert ended, f"the term still waits for the database after {objects.told} of {PAGES} pages"
    assert statuses.said == [("complete", "")]
    assert objects.told == PAGES


async def test_no_more_of_the_listing_is_held_than_may_wait_until_then() -> None:
    objects, statuses, term = _begun(within=600)

    async with asyncio.timeout(30):
        await objects.full.wait()
    ended, _ = await asyncio.wait([term], timeout=0.3)

    assert not ended
    assert objects.told <= FULL
    assert statuses.said == []
    term.cancel()
    with suppress(asyncio.CancelledError):
        await term
