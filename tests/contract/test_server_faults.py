"""A real MariaDB that crashes, freezes, turns read-only or lets transactions collide."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.run import RunState
from nice_operator.ports import RunFilter
from nice_operator.store import SqlStore
from nice_operator.store.database import ANSWER_WITHIN, READERS
from nice_operator.store.dialect import connect, read_url
from nice_operator.store.tables import leader, tasks
from nice_operator.store.tx import Tx
from tests.support.mariadb import MariaDb
from tests.support.servers import private_server
from tests.support.stores import StoreHarness, TestClock, harness_on, read_spec

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMySQL, when refused


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    """A server of our own to ill-treat."""
    with private_server() as made:
        yield made


@pytest.fixture
async def harness(server: MariaDb) -> AsyncIterator[StoreHarness]:
    """A store on it."""
    async with harness_on(server.url("faults")) as made:
        yield made


async def test_a_crash_under_load_loses_nothing_and_doubles_nothing(
    harness: StoreHarness, server: MariaDb
) -> None:
    task = await harness.put("a")
    promised: set[str] = set()
    stop = asyncio.Event()
    clients = [asyncio.create_task(_ask(harness, task, n, promised, stop)) for n in range(8)]

    for _ in range(3):
        await _grown(promised)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    await _grown(promised)
    stop.set()
    await asyncio.gather(*clients)

    stored = await _all_keys(harness)
    assert len(stored) == len(set(stored))
    assert promised <= set(stored)


async def test_a_frozen_server_is_told_in_time_and_forgotten_when_it_thaws(
    harness: StoreHarness, server: MariaDb
) -> None:
    task = await harness.put("a")
    server.freeze()
    began = time.monotonic()
    try:
        calls = (harness.store.get_run(task.id), harness.submit(task), harness.store.now())  # type: ignore[arg-type]
        answers = await asyncio.gather(*calls, return_exceptions=True)
    finally:
        server.thaw()

    assert [type(answer) for answer in answers] == [Unavailable] * 3
    assert time.monotonic() - began < ANSWER_WITHIN + 1
    assert await _soon(lambda: harness.submit(task))


async def test_a_server_that_turned_read_only_is_left_and_found_again(
    harness: StoreHarness, server: MariaDb
) -> None:
    server.execute(
        "CREATE USER IF NOT EXISTS 'plain'@'127.0.0.1'", "GRANT ALL ON faults.* TO 'plain'@'127.0.0.1'"
    )
    store = await SqlStore.open(server.url("faults", "plain"), read_spec=read_spec)
    try:
        task = await store.put_task(harness.definition("a"))
        before = await store.database.run_alone(_connection_id)
        reading = await store.database.read(_reading_id)
        server.execute("SET GLOBAL read_only = 1")
        try:
            with pytest.raises(Unavailable, match="read-only"):
                await store.delete_task(task.id)
        finally:
            server.execute("SET GLOBAL read_only = 0")

        assert await store.delete_task(task.id) == task
        assert await store.database.run_alone(_connection_id) != before
        assert await store.database.read(_reading_id) != reading
    finally:
        await store.close()


async def test_a_slow_transaction_costs_no_worker_its_lease(harness: StoreHarness) -> None:
    await harness.put("a")
    await harness.submit(await harness.put("b"))
    worker = await harness.worker()
    held = await worker.running()
    slow = asyncio.create_task(harness.store.database.write(_sleep_for_seconds))
    others = [asyncio.create_task(harness.store.database.read(_sleep_for_seconds)) for _ in range(READERS)]
    await harness.store.heartbeat(worker.session, [held])  # a connection of its own is made

    began = time.monotonic()
    for _ in range(5):
        assert (await harness.store.heartbeat(worker.session, [held])).lost == ()
    assert time.monotonic() - began < 2
    assert not slow.done()
    await asyncio.gather(slow, *others)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 230 MB."""
    if os.geteuid() != 0:
        pytest.skip("a file system of a given size can only be mounted by root")
    with tempfile.TemporaryDirectory(prefix="nice-disk-") as directory:
        mount = ["mount", "-t", "tmpfs", "-o", "size=230m", "tmpfs", directory]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a file system of a given size cannot be mounted here: {done.stderr}")
        try:
            yield Path(directory)
        finally:
            subprocess.run(["umount", directory], check=True)


async def test_a_full_disk_is_told_in_time_while_reads_go_on_and_forgotten_when_there_is_room(
    small_disk: Path,
) -> None:
    """A minute: a MariaDB that waits for room looks again once a minute."""
    server = MariaDb(small_disk)
    server.install()
    server.start(f"--log-bin={small_disk}/binlog", "--server-id=1")
    try:
        async with harness_on(server.url("full")) as harness:
            task = await harness.put("a")
            run = (await harness.submit(task)).run
            with pytest.raises(OSError, match="No space left"):
                _fill(small_disk / "fill")

            began = time.monotonic()
            with pytest.raises(Unavailable):
                await harness.submit(task)
            assert time.monotonic() - began < ANSWER_WITHIN + 1
            assert (await harness.run(run.id)).state is RunState.QUEUED
            (small_disk / "fill").unlink()
            assert await _soon(lambda: harness.submit(task), within=100)
    finally:
        server.stop()


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(65536))


async def test_what_a_frozen_server_of_ours_has_locked_is_free_again_soon(harness: StoreHarness) -> None:
    life, ttl = uuid4(), timedelta(seconds=10)
    term = await harness.store.take_lead("a", life, ttl)
    assert term is not None
    frozen = connect(read_url(harness.url), writer=True, size=1, clock=harness.clock)
    with frozen.connect() as connection:  # which then does nothing, as a process that was stopped
        connection.execute(sa.select(leader).with_for_update())
        began = time.monotonic()

        assert await _soon(lambda: harness.store.keep_lead(term, life, ttl), within=30)
        assert time.monotonic() - began < 20
        connection.invalidate()
    frozen.dispose()


async def test_transactions_that_deadlock_are_tried_again(harness: StoreHarness) -> None:
    one, two = await harness.put("one"), await harness.put("two")
    other = await harness.open_another()
    both = threading.Barrier(2)

    def touch(tx: Tx, *ids: object) -> None:
        for position, task_id in enumerate(ids):
            tx.write(sa.update(tasks).where(tasks.c.id == task_id).values(fired=tasks.c.fired + 1))
            if position == 0 and not both.broken:
                _meet(both)

    await asyncio.gather(
        harness.store.database.write(lambda tx: touch(tx, one.id, two.id)),
        other.database.write(lambda tx: touch(tx, two.id, one.id)),
    )

    assert [task.fired for task in await harness.store.list_tasks()] == [2, 2]


async def test_the_clock_that_decides_is_the_servers(server: MariaDb) -> None:
    lying = TestClock()
    lying.advance(-3600)
    store = await SqlStore.open(server.url("faults"), read_spec=read_spec, clock=lying)
    try:
        assert abs((await store.now()).timestamp() - time.time()) < 60
    finally:
        await store.close()


def _meet(both: threading.Barrier) -> None:
    """Both hold their first lock now; a second round (the retry) does not meet again."""
    try:
        both.wait(timeout=5)
    except threading.BrokenBarrierError:
        return
    both.abort()


async def _ask(
    harness: StoreHarness, task: object, client: int, promised: set[str], stop: asyncio.Event
) -> None:
    """A client that repeats each request until it is promised."""
    number = 0
    while not stop.is_set():
        key = f"m:{client}-{number}"
        try:
            submitted = await harness.submit(task, key)  # type: ignore[arg-type]
        except Unavailable:
            continue
        assert submitted.run.state is RunState.QUEUED
        promised.add(key)
        number += 1


async def _all_keys(harness: StoreHarness) -> list[str]:
    keys: list[str] = []
    page = await harness.store.list_runs(RunFilter(limit=1000))
    while page.runs:
        keys += [run.fire_key for run in page.runs]
        if page.next is None:
            break
        page = await harness.store.list_runs(RunFilter(limit=1000, before=page.next))
    return keys


async def _grown(promised: set[str], by: int = 50, within: float = 60) -> None:
    """Wait until that many more were promised."""
    goal, deadline = len(promised) + by, time.monotonic() + within
    while len(promised) < goal:
        assert time.monotonic() < deadline, f"only {len(promised)} of {goal} requests were promised"
        await asyncio.sleep(0.01)


async def _soon(call: object, within: float = 20) -> object:
    deadline = time.monotonic() + within
    while True:
        try:
            return await call()  # type: ignore[operator]
        except Unavailable:
            assert time.monotonic() < deadline, "the database is not used again"


def _sleep_for_seconds(tx: Tx) -> None:
    tx.all(sa.select(sa.func.sleep(4)))


def _connection_id(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one())


def _reading_id(tx: Tx) -> int:
    return int(tx.all(sa.select(sa.func.connection_id()))[0][0])
