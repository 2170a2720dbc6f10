"""Bringing the schema up to date when a server starts.

Several servers may start at once: MariaDB and MySQL are asked for a named lock, SQLite's file has one
operator (``operator.lock`` of the data directory). Changes only expand, so that an older server beside
us goes on working.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from nice_operator.domain.errors import InvalidInput, Unavailable
from nice_operator.store.dialect import is_mysql

HEAD = "0007"
"""The newest revision: what this program needs."""

LOCK_WAIT = 60
"""Seconds to wait for another server that is migrating."""


def migrate(engine: sa.Engine) -> None:
    """Upgrade to ``HEAD``. Raises InvalidInput for a database of a newer program."""
    with engine.connect() as connection, _one_at_a_time(connection):
        revision = _revision(connection)
        if revision != HEAD:
            _refuse_newer(connection, revision)
            _upgrade(connection)


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def _refuse_newer(connection: sa.Connection, revision: str | None) -> None:
    if revision is not None and revision > HEAD:
        raise InvalidInput(
            f"database {connection.engine.url.render_as_string()}: expected schema {HEAD} or older, found "
            f"{revision}, which a newer version made; start that version, or use another database"
        )


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
def _one_at_a_time(connection: sa.Connection) -> Iterator[None]:
    if not is_mysql(connection.dialect):
        yield
        return
    name = f"nice_commander.{connection.engine.url.database}"[:64]
    got = connection.execute(
        sa.text("SELECT GET_LOCK(:name, :wait)"), {"name": name, "wait": LOCK_WAIT}
    ).scalar()
    if got != 1:
        raise Unavailable(
            f"another server has been migrating the database for {LOCK_WAIT} s; start again when it is done"
        )
    try:
        yield
    finally:
        connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": name})
