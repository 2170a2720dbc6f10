"""What a database error means for whoever was waiting. The one border where foreign errors become ours."""

from __future__ import annotations

import sqlite3
from enum import Enum

import pymysql
from sqlalchemy import exc

from nice_operator.domain.errors import Unavailable

_READ_ONLY = frozenset({1290, 1836, 1792})
_SHUTDOWN = frozenset({1053})
_DISCONNECT = _READ_ONLY | _SHUTDOWN
_NO_CONNECTION = frozenset({0, 1040, 1927, 2002, 2003, 2006, 2013, 2055, 4031})
_GONE = _DISCONNECT | _NO_CONNECTION
_CONTENDED = frozenset({1020, 1205, 1213})
_DUPLICATE = 1062
_CHECK_FAILED = frozenset({3819, 4025})
"""A CHECK said no. PyMySQL calls that operational; it is a mistake of ours."""
_SQLITE_TRANSIENT = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SQLITE_BROKEN = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)


class Fault(Enum):
    """What to do about an error."""

    RETRY = "others were in the way; the same transaction may succeed at once"
    GONE = "the connection is lost; another one may work"
    RACE = "somebody else wrote the same unique key first; asking again will see it"
    DOWN = "the database cannot do it now"
    BUG = "the statement itself is wrong"


def means_disconnect(error: BaseException) -> bool:
    """Whether this connection leads to a server that will not take writes any more (a demoted primary,
    a shutdown): the pool must not hand it out again."""
    return isinstance(error, pymysql.err.Error) and _code(error) in _DISCONNECT


def judge(error: BaseException) -> Fault:
    """Sort an error that came out of a transaction."""
    if isinstance(error, exc.TimeoutError):
        return Fault.DOWN
    if not isinstance(error, exc.DBAPIError):
        return Fault.BUG
    if isinstance(error.orig, sqlite3.Error):
        return _judge_sqlite(error.orig)
    code = _code(error.orig)
    if code == _DUPLICATE:
        return Fault.RACE
    if error.connection_invalidated or code in _GONE:
        return Fault.GONE
    if code in _CONTENDED:
        return Fault.RETRY
    operational = isinstance(error.orig, pymysql.err.OperationalError) and code not in _CHECK_FAILED
    return Fault.DOWN if operational else Fault.BUG


def unavailable(error: BaseException) -> Unavailable:
    """The error for people: which system, and what it said."""
    detail = str(error.orig) if isinstance(error, exc.DBAPIError) else str(error)
    return Unavailable(
        f"the database does not answer as it should ({detail}); the same request may succeed later"
    )


def _judge_sqlite(error: sqlite3.Error) -> Fault:
    code = getattr(error, "sqlite_errorcode", 0)
    if code in (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
        return Fault.RACE
    primary = code & 0xFF  # the upper bits only say more precisely what went wrong
    if primary in _SQLITE_TRANSIENT:
        return Fault.RETRY
    return Fault.DOWN if primary in _SQLITE_BROKEN else Fault.BUG


def _code(error: BaseException | None) -> int | None:
    return error.args[0] if error is not None and error.args and isinstance(error.args[0], int) else None
