"""Column types that mean the same on SQLite, MariaDB and MySQL.

Names and free text are stored as UTF-8 bytes: every text collation of MySQL folds or pads something
('job' = 'job '), bytes never do. Times are integers, microseconds since 1970 UTC, so that they compare
as stored. Words that our own code chooses (states) stay readable text.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

Micros = sa.BigInteger


def word(length: int) -> sa.types.TypeEngine[str]:
    """A word of our own vocabulary: ASCII, compared byte by byte."""
    exact = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(exact, "mysql", "mariadb")


class Id(TypeDecorator[UUID]):
    """A UUID in its 16 bytes: UUIDv7 sorts by age that way."""

    impl = sa.LargeBinary(16)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """BINARY(16) where the server has it."""
        return mysql.BINARY(16) if dialect.name in ("mysql", "mariadb") else sa.LargeBinary(16)

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> bytes | None:
        """To the 16 bytes."""
        return None if value is None else value.bytes

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> UUID | None:
        """From the 16 bytes."""
        return None if value is None else UUID(bytes=bytes(value))


class Bytes(TypeDecorator[bytes]):
    """At most ``length`` bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """VARBINARY where the server has it."""
        binary = mysql.VARBINARY(self.length)
        return binary if dialect.name in ("mysql", "mariadb") else sa.LargeBinary(self.length)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """Plain bytes, whatever the driver gives."""
        return None if value is None else bytes(value)


class Utf8(TypeDecorator[str]):
    """Text kept as UTF-8 bytes."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        """To UTF-8."""
        return None if value is None else value.encode()

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        """From UTF-8."""
        return None if value is None else bytes(value).decode()


class Name(Utf8):
    """Text that is searched for or unique: at most ``length`` bytes, indexable."""

    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """VARBINARY where the server has it."""
        binary = mysql.VARBINARY(self.length)
        return binary if dialect.name in ("mysql", "mariadb") else sa.LargeBinary(self.length)


class Text(Utf8):
    """Text of any length that nobody searches: messages, payloads, results, log lines."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """LONGBLOB where the server has it."""
        return mysql.LONGBLOB() if dialect.name in ("mysql", "mariadb") else sa.LargeBinary()


def keeping(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    """How a value becomes what the database keeps, where it is handed to the driver as it is."""
    if isinstance(kind, Id):
        return lambda value: None if value is None else value.bytes
    if isinstance(kind, Utf8):
        return lambda value: None if value is None else value.encode()
    if isinstance(kind, sa.String):
        return lambda value: None if value is None else str(value)
    return lambda value: value


def reading(kind: sa.types.TypeEngine[Any]) -> Callable[[Any], Any] | None:
    """How a value that the driver gave, and that is not NULL, is read; None: it is as wanted."""
    if isinstance(kind, Id):
        return lambda value: UUID(bytes=value)
    return bytes.decode if isinstance(kind, Utf8) else None
