"""Where the database is and how to get in: a mounted directory, one file per value, read anew for each
connection, so that a changed password or certificate counts without a restart.

``url`` (``mysql+pymysql://user@host:3306/name``; ``mysql://`` and ``mariadb://`` mean the same), and, where
needed, ``password``, ``ca.crt`` (then TLS is a must, and the server has to prove its name), ``tls.crt`` and
``tls.key`` (what we show it).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput

DRIVER = "mysql+pymysql"
PORT = 3306


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """The directory."""

    directory: Path

    def url(self) -> sa.URL:
        """The URL without any password. Raises InvalidInput, which names the file and what it should hold."""
        return self._url().set(password=None)

    def login(self) -> dict[str, Any]:
        """What a connection is made with now, in the driver's words. Raises InvalidInput."""
        url = self._url()
        password = _value(self.directory / "password") or url.password
        return {
            "host": url.host or "localhost",
            "port": url.port or PORT,
            "user": url.username,
            "password": password or "",
            "database": url.database,
            **self._tls(),
        }

    def _url(self) -> sa.URL:
        shape = "expected a URL like mysql+pymysql://user@host:3306/name"
        text = _value(self.directory / "url")
        if text is None:
            raise InvalidInput(f"{self.directory}/url: {shape}, found no such file, or an empty one")
        try:
            url = sa.make_url(text)
        except (sa.exc.ArgumentError, ValueError):
            raise InvalidInput(f"{self.directory}/url: {shape}, found something that is no URL") from None
        if url.get_backend_name() not in ("mysql", "mariadb") or not url.database:
            raise InvalidInput(f"{self.directory}/url: {shape}, found {url.render_as_string()}")
        return url.set(drivername=DRIVER)

    def _tls(self) -> dict[str, Any]:
        authority, shown, key = (self.directory / name for name in ("ca.crt", "tls.crt", "tls.key"))
        if shown.exists() != key.exists():
            missing = key if shown.exists() else shown
            raise InvalidInput(
                f"{self.directory}: expected both tls.crt and tls.key, found no {missing.name}"
            )
        tls: dict[str, Any] = {}
        if authority.exists():
            tls = {"ssl_ca": str(authority), "ssl_verify_cert": True, "ssl_verify_identity": True}
        if shown.exists():
            tls |= {"ssl_cert": str(shown), "ssl_key": str(key)}
        return tls


def _value(path: Path) -> str | None:
    """A file's text without the line end that editors leave; None for an absent or empty one."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None
