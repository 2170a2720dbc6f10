"""The database server of a test run: MariaDB, or MySQL when NICE_TEST_SERVER=mysql says so."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.mariadb import MariaDb, private_mariadb
from tests.support.mysql import private_mysql

GIVEN = os.environ.get("NICE_TEST_MYSQL_URL")
ON_MYSQL = os.environ.get("NICE_TEST_SERVER") == "mysql"


@contextmanager
def private_server() -> Iterator[MariaDb]:
    """A running server of one's own, in a short path, as sockets need it. A server that is given is not for
    this: it cannot be stopped, frozen or told to speak TLS."""
    if ON_MYSQL and GIVEN:
        pytest.skip("needs a MySQL server of its own; unset NICE_TEST_MYSQL_URL to have one fetched")
    make = private_mysql if ON_MYSQL else private_mariadb
    with tempfile.TemporaryDirectory(prefix="nice-sql-") as directory, make(Path(directory)) as server:
        yield server
