"""A private MariaDB server for tests: its own data directory, loopback only, gone for certain afterwards."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql

from tests.support.server_process import ServerProcess

SYSTEM_TABLES = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")
SHARE = Path("/usr/share/mysql")


class MariaDb(ServerProcess):
    """One server process. ``url`` names a database on it, ``connect`` speaks to it as its root."""

    name = "mariadbd"
    start_within = 30.0

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._data = directory / "data"
        self._socket = directory / "s"

    def install(self) -> None:
        """Make the system tables: what mariadb-install-db does, of which Debian ships only half."""
        (self._data / "mysql").mkdir(parents=True)
        script = b"use mysql;\n" + b"\n".join((SHARE / name).read_bytes() for name in SYSTEM_TABLES)
        command = [*self._command(), "--bootstrap", "--skip-networking"]
        done = subprocess.run(command, input=script, capture_output=True, timeout=60, check=False)
        assert done.returncode == 0, f"mariadbd --bootstrap failed: {done.stderr.decode()[-2000:]}"

    def start(self, *options: str) -> None:
        """Start, and wait until it answers."""
        command = [
            *self._command(),
            f"--socket={self._socket}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--max-connections=200",
            *options,
        ]
        self._launch(command)

    def execute(self, *statements: str) -> None:
        """Run statements as root."""
        with self.connect() as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def connect(self) -> pymysql.connections.Connection[Any]:
        """A connection as root, which ends with its context."""
        return pymysql.connect(unix_socket=str(self._socket), user="root", autocommit=True)

    def url(self, database: str, user: str = "root") -> str:
        """The URL of a database on this server, made if it is not there."""
        self.execute(f"CREATE DATABASE IF NOT EXISTS `{database}`")
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"

    def _command(self) -> list[str]:
        command = ["mariadbd", "--no-defaults", f"--datadir={self._data}", "--innodb-log-file-size=16M"]
        return [*command, "--user=root"] if os.geteuid() == 0 else command

    def _answers(self) -> bool:
        """Asked by a bare socket first: the driver would leave one open for each refused connection."""
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self._socket)) != 0:
                return False
        self.execute("SELECT 1")
        return True


@contextmanager
def private_mariadb(directory: Path) -> Iterator[MariaDb]:
    """A running server in an empty directory."""
    assert shutil.which("mariadbd"), (
        "mariadbd is not installed: these tests need a real server; run tools/setup-tests "
        "(or apt-get install mariadb-server-core)"
    )
    server = MariaDb(directory)
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()
