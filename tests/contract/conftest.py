"""The contract suite runs on every database: a SQLite file, a private MariaDB, and the server named by
NICE_TEST_MYSQL_URL (a database that may be emptied)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDb, private_mariadb
from tests.support.stores import StoreHarness, harness_on

BACKENDS = ["sqlite", "mariadb"] + (["mysql"] if os.environ.get("NICE_TEST_MYSQL_URL") else [])


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """One server for all tests that do not harm it."""
    with (
        tempfile.TemporaryDirectory(prefix="nice-mariadb-") as directory,
        private_mariadb(Path(directory)) as server,
    ):
        yield server


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a test's database is."""
    if request.param == "sqlite":
        return tmp_path / "nice.db"
    if request.param == "mysql":
        return os.environ["NICE_TEST_MYSQL_URL"]
    server: MariaDb = request.getfixturevalue("mariadb")
    return server.url("contract")


@pytest.fixture
async def harness(database_url: str | Path) -> AsyncIterator[StoreHarness]:
    """A store on an empty database."""
    async with harness_on(database_url) as made:
        yield made
