"""One UPDATE of many rows, each with values of its own.

SQLite runs a prepared statement once per row, which costs it nothing. A server is asked once for all of
them, with the values as a JSON table; bytes travel as hex, so that they arrive as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.store.columns import Id, Utf8
from nice_operator.store.tx import Tx

Values = Mapping[str, Any]


class EachUpdate:
    """Sets ``columns`` of the rows that ``keys`` name. ``state``: the only one that rows may be in now,
    unless the table is of another kind. Every row of values has all of both, by column name."""

    def __init__(
        self, keys: Sequence[sa.Column[Any]], columns: Sequence[sa.Column[Any]], state: RunState | None = None
    ) -> None:
        self._names = [column.name for column in (*keys, *columns)]
        self._one = _one_by_one(keys, columns, state)
        self._many = sa.text(_all_at_once(keys, columns, state))

    def write(self, tx: Tx, rows: Sequence[Values]) -> None:
        """Change exactly those rows, which the caller has locked. Raises RuntimeError when one is missing:
        the transaction must not be committed then."""
        if tx.mysql:
            moved = tx.run(self._many, {"told": self._as_json(rows)})
        else:
            moved = tx.write(self._one, [{f"{name}_": row[name] for name in self._names} for row in rows])
        if moved != len(rows):
            raise RuntimeError(f"{len(rows)} locked rows were to change, {moved} did: the lock is not held")

    def _as_json(self, rows: Sequence[Values]) -> str:
        return json.dumps([[_plain(row[name]) for name in self._names] for row in rows])


def _one_by_one(
    keys: Sequence[sa.Column[Any]], columns: Sequence[sa.Column[Any]], state: RunState | None
) -> sa.Update:
    table = keys[0].table
    assert isinstance(table, sa.Table)  # noqa: S101  columns of our own tables
    where = [key == sa.bindparam(f"{key.name}_", type_=key.type) for key in keys]
    if state is not None:
        where.append(table.c.state == state)
    given = {column.name: sa.bindparam(f"{column.name}_", type_=column.type) for column in columns}
    return sa.update(table).where(*where).values(given)


def _all_at_once(
    keys: Sequence[sa.Column[Any]], columns: Sequence[sa.Column[Any]], state: RunState | None
) -> str:
    table = keys[0].table
    everything = [*keys, *columns]
    cells = ", ".join(f"{c.name}_ {_cell(c)} PATH '$[{place}]'" for place, c in enumerate(everything))
    where = [f"changed.{key.name} = {_read(key)}" for key in keys]
    if state is not None:
        where.append(f"changed.state = '{state}'")
    changes = ", ".join(f"changed.{column.name} = {_read(column)}" for column in columns)
    return (
        f"UPDATE JSON_TABLE(:told, '$[*]' COLUMNS ({cells})) AS told "  # noqa: S608  our own names only
        f"STRAIGHT_JOIN {table} AS changed ON {' AND '.join(where)} SET {changes}"
    )


def _is_bytes(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, Id | Utf8)


def _cell(column: sa.Column[Any]) -> str:
    """The type of a cell of the JSON table."""
    if isinstance(column.type, Id):
        return "CHAR(32)"
    if isinstance(column.type, Utf8):
        return "LONGTEXT"
    if isinstance(column.type, sa.String):
        return "VARCHAR(16)"
    return "DOUBLE" if isinstance(column.type, sa.Double) else "BIGINT"


def _read(column: sa.Column[Any]) -> str:
    """A cell as a value of its column."""
    return f"UNHEX(told.{column.name}_)" if _is_bytes(column) else f"told.{column.name}_"


def _plain(value: Any) -> Any:
    """A value as JSON knows it. Words of ours are text columns too, and are spelled in ASCII."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, RunState):
        return value.value
    return value.encode().hex() if isinstance(value, str) else value
