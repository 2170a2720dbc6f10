"""The contract suite runs on every database: a SQLite file, a private MariaDB, and the server named by
NICE_TEST_MYSQL_URL (a database that may be emptied). ``make test-mysql`` runs it on MySQL alone: on that
server, or on a private one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDb
from tests.support.servers import GIVEN, ON_MYSQL, private_server
from tests.support.stores import StoreHarness, harness_on

BACKENDS = ["mysql"] if ON_MYSQL else ["sqlite", "mariadb", *(["mysql"] if GIVEN else [])]


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDb]:
    """One server for all tests that do not harm it; MySQL, where that is asked for."""
    with private_server() as server:
        yield server


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where a test's database is."""
    if request.param == "sqlite":
        return tmp_path / "nice.db"
    if request.param == "mysql" and GIVEN:
        return GIVEN
    server: MariaDb = request.getfixturevalue("mariadb")
    return server.url("contract")


@pytest.fixture
async def harness(database_url: str | Path) -> AsyncIterator[StoreHarness]:
    """A store on an empty database."""
    async with harness_on(database_url) as made:
        yield made
