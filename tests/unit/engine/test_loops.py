"""Background services: kept running, honest about it, stopped for certain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.loops import LONGEST_PAUSE, Loop
from tests.fakes.clock import FakeClock


class Scripted:
    """Fails as its script says, then works until it is cancelled."""

    name = "scripted"

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.starts = 0
        self.working = asyncio.Event()
        self.cancelled = False

    async def run(self, beat: Callable[[], None]) -> None:
        self.starts += 1
        if self.failures:
            raise self.failures.pop(0)
        beat()
        self.working.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True


async def test_a_service_works_from_start_to_stop() -> None:
    service = Scripted()
    loop = Loop(service, FakeClock())
    await loop.start()
    await loop.start()
    await service.working.wait()
    assert loop.health().running
    await loop.stop()
    await loop.stop()
    assert (service.starts, service.cancelled, loop.health().running) == (1, True, False)


async def test_a_crashed_service_is_logged_and_starts_again(caplog: pytest.LogCaptureFixture) -> None:
    service = Scripted(ValueError("a mistake"), Unavailable("the database is away"))
    loop = Loop(service, FakeClock())
    with caplog.at_level(logging.WARNING):
        await loop.start()
        await service.working.wait()
    assert loop.health().failures == 0
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    await loop.stop()


async def test_pauses_grow_to_their_limit_and_health_tells_of_the_failures() -> None:
    clock = FakeClock()
    service = Scripted(*(ValueError(f"failure {number}") for number in range(12)))
    loop = Loop(service, clock)
    seen = []
    clock.on_sleep = lambda seconds: seen.append((seconds, loop.health().failures))
    await loop.start()
    await service.working.wait()
    await loop.stop()
    assert [failures for _, failures in seen] == list(range(1, 13))
    pauses = [pause for pause, _ in seen]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE
