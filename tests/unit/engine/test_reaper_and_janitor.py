"""The loops that tidy up, on ports that say what the test wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId, SessionId, uuid7
from nice_operator.engine.janitor import Janitor
from nice_operator.engine.log_janitor import BATCH, LogJanitor
from nice_operator.engine.reaper import Reaper
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.local import LocalWakeups
from nice_operator.ports import RunLogs
from tests.fakes.clock import FakeClock

SETTINGS = EngineSettings(reap_every=2.0, quiet=45.0, prune_every=60.0, prune_batch=2)
DEAD, LIVING, SILENT = (SessionId(uuid7()) for _ in range(3))


class Enough(Exception):
    """Ends a loop."""


class Store:
    """Keeps what it was asked; ``outages`` are the rounds in which it does not answer."""

    def __init__(self, *batches: int, outages: Sequence[int] = ()) -> None:
        self.batches = list(batches)
        self.outages = outages
        self.rounds = 0
        self.reaped: list[tuple[frozenset[SessionId], frozenset[SessionId]]] = []

    async def active_sessions(self) -> frozenset[SessionId]:
        self.rounds += 1
        if self.rounds in self.outages:
            raise Unavailable("the database does not answer")
        return frozenset({DEAD, LIVING, SILENT})

    async def reap(
        self, dead: frozenset[SessionId], alive: frozenset[SessionId], told: Mapping[SessionId, str]
    ) -> Sequence[Any]:
        self.reaped.append((dead, alive))
        return ()

    async def prune(self, limit: int) -> Sequence[RunId]:
        return [RunId(uuid7()) for _ in range(self.batches.pop(0))]


class Liveness:
    def __init__(self, *dead: SessionId) -> None:
        self._dead = frozenset(dead)

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        return sessions & self._dead, sessions & {LIVING}


async def reap_for(seconds: float, store: Any, *dead: SessionId) -> FakeClock:
    """Let the reaper work until its clock has moved on by ``seconds``, over outages."""
    clock = FakeClock()
    end = clock.now + seconds

    def look(pause: float) -> None:
        if clock.now + pause > end:
            raise Enough

    clock.on_sleep = look
    reaper = Reaper(store, Liveness(*dead), LocalWakeups(), clock, SETTINGS)
    with pytest.raises(Enough):
        await reaper.run(lambda: None)
    return clock


async def test_no_lease_is_judged_until_every_worker_could_be_heard_of() -> None:
    store = Store()
    await reap_for(44, store)
    assert store.reaped == []
    await reap_for(46, store)
    assert store.reaped == [(frozenset(), frozenset({LIVING}))]


async def test_the_dead_are_reaped_at_once_and_only_they() -> None:
    store = Store()
    await reap_for(1, store, DEAD)
    assert store.reaped == [(frozenset({DEAD}), frozenset({LIVING, SILENT}))]


async def test_an_outage_begins_the_quiet_time_anew() -> None:
    store = Store(outages=[2])
    clock = FakeClock()
    reaper = Reaper(store, Liveness(), LocalWakeups(), clock, SETTINGS)  # type: ignore[arg-type]
    clock.now += 60
    assert not reaper.quiet
    store.rounds = 1
    with pytest.raises(Unavailable):
        await reaper._watched_round()
    assert reaper.quiet


class Resting:
    """A clock whose first rest ends the loop, and keeps how long it would have been."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pauses: list[float] = []
        self.clock.on_sleep = self._rest

    def _rest(self, pause: float) -> None:
        self.pauses.append(pause)
        raise Enough


async def test_the_janitor_rests_only_when_nothing_is_left() -> None:
    resting = Resting()
    store: Any = Store(2, 2, 1)
    with pytest.raises(Enough):
        await Janitor(store, resting.clock, SETTINGS).run(lambda: None)
    assert (resting.pauses, store.batches) == ([60.0], [])


class Orphans:
    """Deleted runs whose logs are there still."""

    def __init__(self, count: int) -> None:
        self.left = [RunLogs(RunId(uuid7()), "default", "hello", 1) for _ in range(count)]

    async def orphaned_logs(self, limit: int) -> Sequence[RunLogs]:
        return self.left[:limit]

    async def forget_orphaned(self, runs: Sequence[RunId]) -> None:
        self.left = [logs for logs in self.left if logs.run_id not in runs]


class Logs:
    """``away``: how often it does not answer."""

    def __init__(self, away: int = 0) -> None:
        self.deleted = 0
        self.away = away

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("CloudWatch does not answer")
        self.deleted += len(runs)


async def test_the_logs_of_deleted_runs_go_and_it_rests_only_when_none_is_left() -> None:
    resting, logs, store = Resting(), Logs(), Orphans(2 * BATCH + 1)
    with pytest.raises(Enough):
        await LogJanitor(store, logs, resting.clock, SETTINGS).run(lambda: None)  # type: ignore[arg-type]
    assert (resting.pauses, logs.deleted, store.left) == ([60.0], 2 * BATCH + 1, [])


async def test_logs_that_cannot_be_deleted_now_are_deleted_later() -> None:
    logs, store = Logs(away=1), Orphans(3)
    janitor = LogJanitor(store, logs, FakeClock(), SETTINGS)  # type: ignore[arg-type]

    with pytest.raises(Unavailable):
        await janitor.tidy()
    kept = len(store.left)
    await janitor.tidy()

    assert (kept, logs.deleted, store.left) == (3, 3, [])
