"""Two replicas in one process, each with a store, connections and wake-ups of its own, on one database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nice_operator.bootstrap.clock import SystemClock
from nice_operator.bootstrap.coordination import coordination
from nice_operator.engine.external.worker import Job
from nice_operator.engine.service import Engine
from nice_operator.engine.settings import EngineSettings
from nice_operator.lease.redis_place import RedisPlace
from nice_operator.lease.redis_wakeups import RedisWakeups
from nice_operator.ports import Duty
from nice_operator.resources import spec_from_manifest
from nice_operator.store import SqlStore
from tests.support.engine import Harness, Known, MovableClock, at_work
from tests.support.mariadb import MariaDb

WITHIN = 15.0
LEASE = 6.0


def settings(name: str) -> EngineSettings:
    """Those of the cluster, without the quiet time after a start."""
    return EngineSettings(replica=name, quiet=0.0, reconnect_wait=1.0)


@asynccontextmanager
async def replica(
    url: str | Path, name: str, redis: Path | None = None, duties: Sequence[Duty] = ()
) -> AsyncIterator[Harness]:
    """One replica at work; ``redis`` is the directory that says where Redis is."""
    store = await SqlStore.open(url, read_spec=spec_from_manifest)
    clock, liveness = SystemClock(), Known()
    place = None if redis is None else RedisPlace(redis)
    async with coordination(store, name, place, clock, ttl=LEASE) as found:
        if isinstance(found.wakeups, RedisWakeups):
            async with asyncio.timeout(WITHIN):
                await found.wakeups.hearing.wait()
        engine = Engine(
            store,
            store.logs,
            found.wakeups,
            liveness,
            clock,
            settings(name),
            leadership=found.leadership,
            duties=duties,
        )
        async with at_work(Harness(engine, store, MovableClock(), liveness)) as harness:
            yield harness
    await store.close()


def empty_database(server: MariaDb, name: str) -> str:
    """The URL of a database of one's own, whose tables, if it has any, are emptied."""
    url = server.url(name)
    with server.connect() as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{name}'")
        tables = {row[0] for row in cursor.fetchall()} - {"alembic_version", "schema_floor"}
        cursor.execute("SET foreign_key_checks = 0")
        for table in tables:
            cursor.execute(f"DELETE FROM `{name}`.`{table}`")
    return url


@dataclass
class JobWorker:
    """A worker outside, without a socket: it keeps the jobs that it is given."""

    jobs: asyncio.Queue[Job] = field(default_factory=asyncio.Queue)

    def send_job(self, job: Job) -> None:
        self.jobs.put_nowait(job)

    def close(self, code: int, reason: str) -> None:
        """Nobody to tell."""


async def until(true: Callable[[], bool], within: float = WITHIN) -> float:
    """Wait until it is; returns after how many seconds."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < within, "it did not become true in time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began
