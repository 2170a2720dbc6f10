"""Bringing the schema up to date when a server starts.

Several servers may start at once: MariaDB and MySQL are asked for a named lock, SQLite's file has one
operator (``operator.lock`` of the data directory). Changes only expand, so that an older server beside
us goes on working, and can be started again: ``schema_floor`` says which is the oldest that can.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.store.dialect import is_mysql

_log = logging.getLogger(__name__)

HEAD = "0008"
"""The newest revision: what this program needs."""

LOCK_WAIT = 60
"""Seconds to wait for another server that is migrating."""
LOCK_TURN = 2
TABLE_WAIT = 10
"""Seconds that a change of a table waits for transactions on it: whoever comes after it waits as long."""


def migrate(engine: sa.Engine, lock_wait: int = LOCK_WAIT) -> None:
    """Upgrade to ``HEAD``. Raises InvalidInput for a database that a newer program made unfit for this one,
    and Unavailable when another server migrates for longer than ``lock_wait`` seconds."""
    with engine.connect() as connection, _one_at_a_time(connection, lock_wait):
        revision = _revision(connection)
        if revision is not None and revision > HEAD:
            _refuse_too_new(connection, revision)
        elif revision != HEAD:
            _upgrade(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_too_new(connection: sa.Connection, revision: str) -> None:
    """A newer program has been here. We go on beside it, or after it, unless its schema is not for us."""
    floor = connection.execute(sa.text("SELECT revision FROM schema_floor")).scalar()
    if floor is None or floor > HEAD:
        raise InvalidInput(
            f"database {connection.engine.url.render_as_string()}: expected schema {HEAD} or older, found "
            f"{revision}, which a newer version made and this one cannot use; start that version, or use "
            "another database"
        )
    _log.warning("the database has schema %s, this program knows %s: a newer one works on it", revision, HEAD)


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command  # only a new or old database pays for this import: 0.2 s
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    connection.commit()
    command.upgrade(config, "head")
    connection.commit()


@contextmanager
def _one_at_a_time(connection: sa.Connection, wait: int) -> Iterator[None]:
    if not is_mysql(connection.dialect):
        yield
        return
    name = f"nice_commander.{connection.engine.url.database}"[:64]
    if not _locked(connection, name, wait):
        raise Unavailable(
            f"another server has been migrating the database for {wait} s; start again when it is done"
        )
    connection.execute(sa.text(f"SET lock_wait_timeout = {TABLE_WAIT}"))
    try:
        yield
    except BaseException:
        connection.invalidate()  # the lock goes with it; asking for its release would hide what happened
        raise
    connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": name})


def _locked(connection: sa.Connection, name: str, wait: int) -> bool:
    """Asked for in short turns: a connection that waits in silence looks dead to what is between."""
    give_up = time.monotonic() + wait
    question = sa.text("SELECT GET_LOCK(:name, :turn)")
    while time.monotonic() < give_up:
        if connection.execute(question, {"name": name, "turn": LOCK_TURN}).scalar() == 1:
            return True
    return False
