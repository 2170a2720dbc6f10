"""Looking ahead, on a store that notes what it was asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from nice_operator.engine.ahead import AHEAD, LookAhead
from tests.support.samples import NOON


class Enough(Exception):
    """Ends the loop."""


class Passing:
    """``ports.Store`` and ``ports.Clock`` whose time passes by sleeping, ``seconds`` at a time."""

    def __init__(self, *seconds: float) -> None:
        self._now = NOON
        self._left = list(seconds)
        self.asked: list[tuple[datetime, datetime]] = []

    async def now(self) -> datetime:
        return self._now

    async def get_ready(self, after: datetime, until: datetime) -> None:
        self.asked.append((after, until))

    async def sleep(self, seconds: float) -> None:
        if not self._left:
            raise Enough
        self._now += timedelta(seconds=self._left.pop(0))


async def asked(*sleeps: float) -> list[tuple[datetime, datetime]]:
    time: Any = Passing(*sleeps)
    with pytest.raises(Enough):
        await LookAhead(time, time).run(lambda: None)
    found: list[tuple[datetime, datetime]] = time.asked
    return found


async def test_each_look_takes_up_where_the_last_one_ended() -> None:
    looks = await asked(5, 5)

    assert looks[0] == (NOON, NOON + AHEAD)
    assert [after for after, _ in looks[1:]] == [until for _, until in looks[:-1]]
    assert looks[-1][1] == NOON + timedelta(seconds=10) + AHEAD


async def test_what_is_due_already_is_not_looked_at_any_more() -> None:
    long_after = 10 * AHEAD.total_seconds()

    _, (after, until) = await asked(long_after)

    assert (after, until) == (
        NOON + timedelta(seconds=long_after),
        NOON + timedelta(seconds=long_after) + AHEAD,
    )
