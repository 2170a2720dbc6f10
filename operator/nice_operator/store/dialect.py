"""What differs between SQLite and MariaDB/MySQL when connecting. Statements hardly differ at all.

Each setting answers a fault that was reproduced: a frozen server hangs a client without timeouts for
ever; REPEATABLE READ shows stale epochs; a demoted primary (1290) is handed out by the pool for ever.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.store.faults import means_disconnect
from nice_operator.store.place import DatabasePlace

Clock = Callable[[], int]
"""Microseconds since 1970 UTC."""

CONNECT_TIMEOUT = 3
ANSWER_TIMEOUT = 8
"""Seconds a server may take for one statement: below the 10 s that any call may take in all."""

_SQLITE_BUSY_MS = 5_000
_MYSQL_SESSION = (
    # A process that is frozen within a transaction holds its locks until its connection is closed as idle.
    "SET time_zone = '+00:00', innodb_lock_wait_timeout = 3, wait_timeout = 10, "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,ERROR_FOR_DIVISION_BY_ZERO'"
)


class now_us(FunctionElement[int]):  # noqa: N801  it is used as an SQL function
    """The database's clock in microseconds since 1970 UTC."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_us, "sqlite")
def _now_sqlite(element: now_us, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "now_us()"


@compiles(now_us, "mysql")
@compiles(now_us, "mariadb")
def _now_mysql(element: now_us, compiler: SQLCompiler, **kwargs: Any) -> str:
    return "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"


def is_mysql(dialect: Dialect) -> bool:
    """Whether it is MariaDB or MySQL."""
    return dialect.name in ("mysql", "mariadb")


def read_place(where: str | Path | DatabasePlace) -> sa.URL | DatabasePlace:
    """A path (SQLite file), a database URL, or a directory that says where a server is; raises InvalidInput
    for a database that we do not know."""
    if isinstance(where, DatabasePlace):
        where.login()
        return where
    return read_url(where)


def read_url(where: str | Path) -> sa.URL:
    """A path (SQLite file) or a database URL; raises InvalidInput for a database that we do not know."""
    text = str(where)
    if isinstance(where, Path) or "://" not in text:
        return sa.URL.create("sqlite", database=text)
    url = sa.make_url(text)
    if url.get_backend_name() == "sqlite":
        return url
    if url.get_backend_name() in ("mysql", "mariadb"):
        return url.set(drivername="mysql+pymysql")
    raise InvalidInput(
        f"database {url.render_as_string()}: expected a file or a URL that begins with sqlite://, mysql:// "
        f"or mariadb://, found {url.drivername}://"
    )


def connect(
    url: sa.URL | DatabasePlace, *, writer: bool, size: int, clock: Clock, patience: int = ANSWER_TIMEOUT
) -> sa.Engine:
    """An engine with ``size`` connections. ``clock`` is SQLite's now; a server has its own, and answers each
    statement within ``patience`` seconds."""
    if isinstance(url, DatabasePlace):
        return _follow(_mysql(url.url(), writer, size, patience), url)
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, writer, size, clock)
    return _mysql(url, writer, size, patience)


def _sqlite(url: sa.URL, writer: bool, size: int, clock: Clock) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=size,
        hide_parameters=True,  # payloads and results are nobody's business but their owners'
        max_overflow=0,
        poolclass=sa.QueuePool,
        connect_args={"timeout": _SQLITE_BUSY_MS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, record: object) -> None:
        connection.isolation_level = None  # transactions are ours to begin
        connection.create_function("now_us", 0, clock)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    begin = "BEGIN IMMEDIATE" if writer else "BEGIN"  # a lock taken late could not be waited for

    @event.listens_for(engine, "begin")
    def start(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _follow(engine: sa.Engine, place: DatabasePlace) -> sa.Engine:
    """Each new connection is made with what the files say then."""

    @event.listens_for(engine, "do_connect")
    def log_in(dialect: Dialect, record: object, arguments: object, options: dict[str, Any]) -> None:
        try:
            options.update(place.login())
        except InvalidInput as problem:
            raise Unavailable(f"the database cannot be reached: {problem}") from problem

    return engine


def _mysql(url: sa.URL, writer: bool, size: int, patience: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        pool_size=size,
        hide_parameters=True,
        max_overflow=0,
        pool_timeout=ANSWER_TIMEOUT,
        pool_pre_ping=True,
        pool_recycle=300,
        isolation_level="READ COMMITTED" if writer else "AUTOCOMMIT",
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT,
            "read_timeout": patience,
            "write_timeout": patience,
            "charset": "utf8mb4",
            "init_command": _MYSQL_SESSION,
        },
    )

    @event.listens_for(engine, "handle_error")
    def demoted(context: ExceptionContext) -> None:
        if means_disconnect(context.original_exception):
            context.is_disconnect = True

    return engine
