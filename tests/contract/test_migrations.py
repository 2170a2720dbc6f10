"""Migrations with other servers about: two at once, an older one at work, a crash between two steps, the way
back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from pymysql.cursors import Cursor

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.store import SqlStore, migrate
from nice_operator.store.dialect import connect, read_url
from nice_operator.store.sql_store import system_clock
from tests.support.mariadb import MariaDb
from tests.support.servers import private_server
from tests.support.stores import TestClock, harness_on, open_store, read_spec

MIGRATIONS = Path(migrate.__file__).parent / "migrations"
OPEN = """
import asyncio, sys
from nice_operator.store import SqlStore
from tests.support.stores import read_spec
async def main():
    store = await SqlStore.open(sys.argv[1], read_spec=read_spec)
    await store.close()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    with private_server() as made:
        yield made


@pytest.fixture
def url(server: MariaDb) -> str:
    """An empty database."""
    server.execute("DROP DATABASE IF EXISTS migrations")
    return server.url("migrations")


def upgrade(url: str, revision: str) -> None:
    """As an older program would have."""
    engine = connect(read_url(url), writer=True, size=1, clock=system_clock, patience=60)
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.commit()
    engine.dispose()


@contextmanager
def other_server(server: MariaDb) -> Iterator[Cursor]:
    """Somebody else's connection."""
    with server.connect() as connection:
        yield connection.cursor()


def revision_of(server: MariaDb) -> str:
    with other_server(server) as other:
        other.execute("SELECT version_num FROM migrations.alembic_version")
        (row,) = other.fetchall()
        return str(row[0])


def test_three_programs_that_start_at_once_migrate_once(server: MariaDb, url: str) -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", OPEN, url], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]

    told = [program.communicate(timeout=120)[1] for program in programs]
    assert [(program.returncode, text) for program, text in zip(programs, told, strict=True)] == [(0, "")] * 3
    assert revision_of(server) == migrate.HEAD


def test_one_that_waits_too_long_for_another_says_so(server: MariaDb, url: str) -> None:
    engine = connect(read_url(url), writer=True, size=1, clock=system_clock)
    with other_server(server) as other:
        other.execute("SELECT GET_LOCK('nice_commander.migrations', 1)")
        began = time.monotonic()
        with pytest.raises(Unavailable, match="another server has been migrating the database for 3 s"):
            migrate.migrate(engine, lock_wait=3)

    assert time.monotonic() - began < 10
    engine.dispose()


async def test_one_that_waits_longer_than_an_answer_may_take_goes_on_then(server: MariaDb, url: str) -> None:
    with other_server(server) as other:
        other.execute("SELECT GET_LOCK('nice_commander.migrations', 1)")
        opening = asyncio.create_task(SqlStore.open(url, read_spec=read_spec))
        done, _ = await asyncio.wait([opening], timeout=11)
        assert not done
        other.execute("SELECT RELEASE_LOCK('nice_commander.migrations')")
        async with asyncio.timeout(60):
            store = await opening
    await store.close()


async def test_an_older_server_goes_on_while_a_newer_one_migrates(server: MariaDb, url: str) -> None:
    """Its statements name the columns of its own schema: those of 0005, on the tables of today."""
    await asyncio.to_thread(upgrade, url, "0005")
    session, older = b"s" * 16, connect(read_url(url), writer=True, size=1, clock=system_clock)
    write = sa.text(
        "INSERT INTO worker_sessions (id, worker, pool, labels, slots, opened_at, seen_at) "
        "VALUES (:id, 'w', 'default', '{}', 4, 1, 1)"
    )
    look = sa.text(
        "SELECT id, worker, pool, labels, slots, opened_at, seen_at, closed_at FROM worker_sessions"
    )
    with older.begin() as connection:
        connection.execute(write, {"id": session})

    store = await SqlStore.open(url, read_spec=read_spec)
    with older.begin() as connection:
        connection.execute(write, {"id": b"t" * 16})
        assert len(connection.execute(look).all()) == 2
    older.dispose()
    assert (await store.orders()).drains == frozenset()
    await store.close()
    assert revision_of(server) == migrate.HEAD


@pytest.mark.parametrize("step", ["drain_at", "leader", "replicas", "schema_floor"])
async def test_a_migration_that_crashed_half_way_is_finished_by_the_next_start(
    server: MariaDb, url: str, step: str
) -> None:
    await asyncio.to_thread(upgrade, url, "head")
    tables = {"drain_at": ["leader", "replicas", "schema_floor"], "leader": ["replicas", "schema_floor"]}
    for table in tables.get(step, ["schema_floor"] if step == "replicas" else []):
        server.execute(f"DROP TABLE migrations.{table}")
    if step == "schema_floor":
        server.execute("DELETE FROM migrations.schema_floor")
    server.execute("UPDATE migrations.alembic_version SET version_num = '0005'")

    async with harness_on(url) as harness:
        assert await harness.store.lead() is None
    assert revision_of(server) == migrate.HEAD


async def test_a_database_that_goes_away_in_the_middle_is_told_as_away(server: MariaDb, url: str) -> None:
    await asyncio.to_thread(upgrade, url, "0007")
    with other_server(server) as holder, other_server(server) as other:
        holder.execute("LOCK TABLES migrations.alembic_version WRITE")
        opening = asyncio.create_task(SqlStore.open(url, read_spec=read_spec))
        other.execute(f"KILL {await waiting(other)}")

        with pytest.raises(Unavailable, match="does not answer as it should"):
            await opening
        holder.execute("UNLOCK TABLES")

    await (await SqlStore.open(url, read_spec=read_spec)).close()
    assert revision_of(server) == migrate.HEAD


async def waiting(other: Cursor) -> int:
    """The connection that waits for a table of the database."""
    find = (
        "SELECT id FROM information_schema.processlist "
        "WHERE db = 'migrations' AND state LIKE 'Waiting for table%'"
    )
    async with asyncio.timeout(30):
        while not other.execute(find):
            await asyncio.sleep(0.05)
    return int(other.fetchall()[0][0])


async def test_a_program_that_comes_back_after_a_newer_one_works_if_the_schema_still_suits_it(
    server: MariaDb, url: str
) -> None:
    store = await open_store(url, TestClock())
    await store.close()
    server.execute("UPDATE migrations.alembic_version SET version_num = '9998'")

    store = await SqlStore.open(url, read_spec=read_spec)
    assert await store.now()
    await store.close()


async def test_a_program_that_the_schema_no_longer_suits_is_refused(server: MariaDb, url: str) -> None:
    store = await open_store(url, TestClock())
    await store.close()
    server.execute(
        "UPDATE migrations.alembic_version SET version_num = '9998'",
        "UPDATE migrations.schema_floor SET revision = '9998'",
    )

    with pytest.raises(InvalidInput, match="found 9998, which a newer version made and this one cannot use"):
        await SqlStore.open(url, read_spec=read_spec)
