"""One transaction, as the functions of this package see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.dml import UpdateBase

from nice_operator.store.dialect import Clock, is_mysql, now_us

Values = Mapping[str, Any]

_NOW = sa.select(now_us())


class Tx:
    """A connection inside a transaction. ``writes`` counts what changed the database, so that a group commit
    can tell an operation that refused before it wrote from one that left something behind."""

    def __init__(self, connection: sa.Connection, clock: Clock | None = None) -> None:
        """``clock`` is the database's own, where it is in this process (SQLite)."""
        self._connection = connection
        self._clock = clock
        self.writes = 0

    @cached_property
    def now(self) -> int:
        """The database's clock when first asked in this transaction, in microseconds since 1970 UTC.

        One value for the whole transaction: what decides together sees one time, and bound values keep
        bulk inserts fast (a function in VALUES stops the driver from joining rows).
        """
        return int(self._connection.execute(_NOW).scalar_one()) if self._clock is None else self._clock()

    @property
    def dialect(self) -> sa.Dialect:
        """Whose words it speaks."""
        return self._connection.dialect

    @cached_property
    def mysql(self) -> bool:
        """Whether the server is MariaDB or MySQL, which lock rows; SQLite has one writer at a time."""
        return is_mysql(self._connection.dialect)

    def all(
        self, query: sa.Select[Any] | sa.CompoundSelect[Any], values: Values | None = None
    ) -> Sequence[sa.Row[Any]]:
        """Every row. ``values`` are those of a query that was made once, with parameters."""
        return self._connection.execute(query, values).all()

    def first(self, query: sa.Select[Any]) -> sa.Row[Any] | None:
        """The first row, or None."""
        return self._connection.execute(query).first()

    def write(self, statement: UpdateBase, rows: Iterable[Values] | None = None) -> int:
        """Change something; returns how many rows matched. ``rows`` runs it once for each set of values."""
        self.writes += 1
        if rows is None:
            return self._connection.execute(statement).rowcount
        values = [dict(row) for row in rows]
        return self._connection.execute(statement, values).rowcount if values else 0

    def run(self, statement: sa.TextClause, values: Values) -> int:
        """The same for a statement that SQLAlchemy has no words for."""
        self.writes += 1
        return self._connection.execute(statement, values).rowcount

    def driver(self, statement: str, values: tuple[Any, ...]) -> int:
        """The same for a text of the driver's own, with values as the database keeps them (``many_rows``)."""
        self.writes += 1
        return self._connection.exec_driver_sql(statement, values).rowcount

    def fetch(self, statement: str, values: Any) -> Sequence[sa.Row[Any]]:
        """Every row that a text of the driver's own finds, as the driver gives them (``prepared``)."""
        return self._connection.exec_driver_sql(statement, values).all()

    def locked(
        self, query: sa.Select[Any], values: Values | None = None, *, skip: bool = False
    ) -> Sequence[sa.Row[Any]]:
        """Rows that nobody else changes until we commit; ``skip`` leaves out those that somebody holds."""
        return self.all(query.with_for_update(skip_locked=skip) if self.mysql else query, values)
