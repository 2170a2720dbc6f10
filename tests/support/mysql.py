"""A private MySQL server for tests. Debian 12 has none, so a folder of Debian's next release is unpacked once
(``~/.cache/nice-commander/mysql``) and the server run from it, by its own loader: nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mariadb import MariaDb

MIRROR = os.environ.get("NICE_DEBIAN_MIRROR", "http://deb.debian.org/debian")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nice-commander" / "mysql"
REMEDY = "apt-get install mmdebstrap, or name a server by NICE_TEST_MYSQL_URL=mysql://user:password@host/name"
FRESHNESS = 'Acquire::Check-Valid-Until "false"'
"""A mirror may lag behind; what it has is signed all the same."""
FIRST_USER = b"CREATE USER 'root'@'127.0.0.1'; GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"


class MySql(MariaDb):
    """One server process; everything else as with MariaDB."""

    name = "mysqld"

    def __init__(self, directory: Path, root: Path) -> None:
        super().__init__(directory)
        self._root = root

    def install(self) -> None:
        """Make the system tables, and a user for TCP: without names, 127.0.0.1 is not localhost."""
        first = self.directory / "first.sql"
        first.write_bytes(FIRST_USER)
        command = [*self._command(), "--initialize-insecure", f"--init-file={first}"]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, f"mysqld --initialize-insecure failed: {done.stderr.decode()[-2000:]}"

    def start(self, *options: str) -> None:
        """Start, and wait until it answers."""
        super().start("--secure-file-priv=NULL", "--mysqlx=OFF", *options)

    def _command(self) -> list[str]:
        usr = self._root / "usr"
        libraries = usr / "lib" / f"{os.uname().machine}-linux-gnu"
        loader = next(libraries.glob("ld-linux-*.so.*"))
        command = [
            str(loader),
            "--library-path",
            str(libraries),
            str(usr / "sbin" / "mysqld"),
            "--no-defaults",
        ]
        command += [f"--datadir={self._data}", f"--basedir={usr}", f"--lc-messages-dir={usr}/share/mysql"]
        command += [f"--plugin-dir={usr}/lib/mysql/plugin", "--innodb-redo-log-capacity=32M"]
        return [*command, "--user=root"] if os.geteuid() == 0 else command


@contextmanager
def private_mysql(directory: Path) -> Iterator[MySql]:
    """A running server in an empty directory."""
    server = MySql(directory, unpacked())
    server.install()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def unpacked() -> Path:
    """The folder with the server, fetched if it is not there. Fails loudly, with the remedy."""
    root = CACHE / "root"
    if not (root / "usr" / "sbin" / "mysqld").exists():
        assert shutil.which("mmdebstrap"), f"mmdebstrap is not installed and there is no MySQL: {REMEDY}"
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = CACHE / f"partial-{os.getpid()}"
        command = ["mmdebstrap", "--variant=extract", f"--aptopt={FRESHNESS}"]
        command += ["--include=mysql-server-core", "sid", str(partial), MIRROR]
        done = subprocess.run(command, capture_output=True, timeout=900, check=False)
        assert done.returncode == 0, f"no MySQL from {MIRROR} ({REMEDY}): {done.stderr.decode()[-2000:]}"
        partial.rename(root)
    return root
