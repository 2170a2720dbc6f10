"""Where Redis is and how to get in: a mounted directory, one file per value, read anew for each client.

``url`` (``redis://host:6379/0``, ``rediss://…``, ``redis+sentinel://host:26379,host2:26379/name/0``,
``rediss+sentinel://…`` where the servers speak TLS), and, where needed, ``username``, ``password``,
``ca.crt``, ``sentinel-password`` (sentinels are not sent the servers' own).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from nice_operator.domain.errors import InvalidInput

SCHEMES = ("redis", "rediss", "redis+sentinel", "rediss+sentinel")
PORT, SENTINEL_PORT = 6379, 26379


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """What the files say. ``master`` is the name that sentinels know the primary by; None: ``hosts`` has the
    server itself."""

    hosts: tuple[tuple[str, int], ...]
    database: int = 0
    master: str | None = None
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """The directory."""

    directory: Path

    def read(self) -> RedisAddress:
        """What the files say now. Raises InvalidInput, which names the file and what it should hold."""
        text = _value(self.directory / "url")
        if text is None:
            raise InvalidInput(
                f"{self.directory}/url: expected a URL like redis://host:6379/0, found no file"
            )
        parts = urlsplit(text)
        if parts.scheme not in SCHEMES:
            wanted = ", ".join(f"{scheme}://" for scheme in SCHEMES)
            raise InvalidInput(
                f"{self.directory}/url: expected a URL that begins with one of {wanted}, "
                f"found {parts.scheme or 'none'}://"
            )
        return self._address(parts)

    def _address(self, parts: SplitResult) -> RedisAddress:
        sentinel = parts.scheme.endswith("+sentinel")
        path = [unquote(part) for part in parts.path.split("/") if part]
        master = path.pop(0) if sentinel and path else None
        database = path.pop(0) if path else "0"
        hosts = self._hosts(parts, SENTINEL_PORT if sentinel else PORT)
        if (sentinel and master is None) or path or not database.isdecimal() or not hosts:
            shape = "redis+sentinel://host:26379,host:26379/name/0" if sentinel else "redis://host:6379/0"
            raise InvalidInput(f"{self.directory}/url: expected a URL like {shape}, found another shape")
        ca = self.directory / "ca.crt"
        return RedisAddress(
            hosts=hosts,
            database=int(database),
            master=master,
            tls=parts.scheme.startswith("rediss"),
            username=_value(self.directory / "username") or _unquoted(parts.username),
            password=_value(self.directory / "password") or _unquoted(parts.password),
            sentinel_password=_value(self.directory / "sentinel-password"),
            ca=ca if ca.exists() else None,
        )

    def _hosts(self, parts: SplitResult, default: int) -> tuple[tuple[str, int], ...]:
        places = parts.netloc.rpartition("@")[2].split(",")
        return tuple(self._host(place, default) for place in places if place)

    def _host(self, text: str, default: int) -> tuple[str, int]:
        one = urlsplit(f"//{text}")
        try:
            return one.hostname or "localhost", one.port or default
        except ValueError:
            raise InvalidInput(f"{self.directory}/url: {text} has no port between 1 and 65535") from None


def _value(path: Path) -> str | None:
    """A file's text without the line end that editors leave; None for an absent or empty one."""
    try:
        return path.read_text().strip() or None
    except FileNotFoundError:
        return None


def _unquoted(text: str | None) -> str | None:
    return None if text is None else unquote(text)
