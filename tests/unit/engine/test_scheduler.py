"""The scheduler's pace, on a store that says what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from nice_operator.engine.scheduler import Scheduler
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import DueTask, FirePlan
from tests.support.samples import NOON, a_spec, a_task

SETTINGS = EngineSettings(poll=1.0, fire_batch=2)


class Due:
    """``ports.FireStore`` with the same due tasks in each round."""

    def __init__(self, *zones: str, fires: int) -> None:
        self._specs = [a_spec(schedules=("@hourly",), time_zone=zone) for zone in zones]
        self._fires = fires
        self.rounds = 0

    async def due_tasks(self, limit: int) -> tuple[datetime, Sequence[DueTask]]:
        self.rounds += 1
        return NOON, [DueTask(a_task(spec), NOON) for spec in self._specs[:limit]]

    async def fire(self, plans: Sequence[FirePlan]) -> int:
        return self._fires

    async def next_due(self) -> datetime | None:
        return NOON + timedelta(seconds=0.25)


class FirstWait(Exception):
    """Ends the scheduler, with what it wanted to wait."""


class Waiting:
    """``ports.Wakeups`` and ``ports.Subscription`` of one listener."""

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Waiting]:
        yield self

    def publish(self, *topics: str) -> None: ...

    async def wait(self, timeout: float | None) -> bool:
        raise FirstWait(timeout)


class NoWorkers:
    async def recheck(self, tasks: Any) -> None: ...


async def first_wait(store: Any) -> Any:
    hub: Any = NoWorkers()
    scheduler = Scheduler(store, hub, Waiting(), SETTINGS, asyncio.Lock())
    try:
        async with asyncio.timeout(5):
            await scheduler.run(lambda: None)
    except FirstWait as wait:
        return wait.args[0]


async def test_it_sleeps_until_the_next_fire() -> None:
    assert await first_wait(Due("Etc/UTC", fires=1)) == 0.25


async def test_tasks_that_cannot_be_planned_do_not_make_it_spin() -> None:
    store = Due("Mars/Base", "Mars/Base", fires=0)

    assert await first_wait(store) == SETTINGS.poll
    assert store.rounds == 1


async def test_what_another_replica_fired_does_not_make_it_spin() -> None:
    store = Due("Etc/UTC", "Etc/UTC", fires=0)

    assert await first_wait(store) == SETTINGS.poll
    assert store.rounds == 1
