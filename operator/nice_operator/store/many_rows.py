"""One statement for many rows, each with values of its own: what the busiest transitions are made of.

The statements are text that is made once, and values go to the driver as they are kept: to compile and to
bind them for each row costs more than the database does. SQLite gets the rows as VALUES, in portions of a few
sizes, whose statements it keeps prepared; each portion is one step, because between two steps the interpreter
may go to another thread for milliseconds. A server is sent JSON tables; bytes travel as hex, so that they
arrive as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.store.columns import Id, Utf8, keeping
from nice_operator.store.tx import Tx

Values = Mapping[str, Any]
Column = sa.Column[Any]

PORTIONS = (128, 64, 32, 16, 8, 4, 2, 1)
"""Rows of one statement on SQLite: few sizes, so that few statements are kept, and few steps in all."""

JSON_AT_ONCE = 1 << 20
"""Bytes of a JSON table, about: a statement must stay far below what a server takes (max_allowed_packet,
16 MiB by default on MariaDB)."""

_QUOTE = '"'  # around names, one of which is a word of SQL; a server's is another


class EachUpdate:
    """Sets ``columns`` of the rows that ``keys`` name. ``state``: the only one that rows may be in now,
    unless the table is of another kind. Every row of values has all of both, by column name. ``counted``:
    columns that rise by one.

    ``was``: columns that must be as expected, whose values are named ``was_<column>``; ``added``: columns
    that rise by the value named ``added_<column>``; ``only``: conditions in SQL, each begins with a column.
    """

    def __init__(
        self,
        keys: Sequence[Column],
        columns: Sequence[Column],
        state: RunState | None = None,
        counted: Sequence[Column] = (),
        *,
        was: Sequence[Column] = (),
        added: Sequence[Column] = (),
        only: Sequence[str] = (),
    ) -> None:
        self._was = [(column, _called("was", column)) for column in was]
        self._added = [(column, _called("added", column)) for column in added]
        told = [value for _, value in (*self._was, *self._added)]
        self._rows = _Rows((*keys, *columns, *told))
        self._keys = keys
        self._columns = columns
        self._only = [*only, *([] if state is None else [f"state = '{state}'"])]
        self._counted = counted
        self._portions = {size: self._portion(size) for size in PORTIONS}
        self._all = (
            f"UPDATE {self._rows.json_table()} STRAIGHT_JOIN {keys[0].table} AS changed "  # noqa: S608  our own names
            f"ON {self._where(_from_json)} SET {self._changes('changed.', _from_json)}"
        )

    def write(self, tx: Tx, rows: Sequence[Values]) -> None:
        """Change exactly those rows, which the caller has locked. Raises RuntimeError when one is missing:
        the transaction must not be committed then."""
        if tx.mysql:
            moved = sum(tx.driver(self._all, (text,)) for text in self._rows.json_texts(rows))
        else:
            moved = sum(tx.driver(self._portions[size], flat) for size, flat in self._rows.portions(rows))
        if moved != len(rows):
            raise RuntimeError(f"{len(rows)} locked rows were to change, {moved} did: the lock is not held")

    def _portion(self, size: int) -> str:
        return (
            f"UPDATE {self._keys[0].table} AS changed SET {self._changes('', self._rows.as_told)} "  # noqa: S608
            f"FROM {self._rows.values(size)} WHERE {self._where(self._rows.as_told)}"
        )

    def _changes(self, prefix: str, read: Callable[[Column], str]) -> str:
        more = [(column, "1") for column in self._counted]
        more += [(column, read(value)) for column, value in self._added]
        risen = [f"{prefix}{column.name} = changed.{column.name} + {rise}" for column, rise in more]
        return ", ".join([*risen, *(f"{prefix}{column.name} = {read(column)}" for column in self._columns)])

    def _where(self, read: Callable[[Column], str]) -> str:
        same = [*((key, key) for key in self._keys), *self._was]
        where = [f"changed.{column.name} = {read(value)}" for column, value in same]
        return " AND ".join([*where, *(f"changed.{condition}" for condition in self._only)])


class EachInsert:
    """Adds rows. Every row of values has all of ``columns``, by name; ``always`` has those, as SQL, that
    every row has alike; what is named in neither is NULL."""

    def __init__(self, columns: Sequence[Column], always: Mapping[str, str] | None = None) -> None:
        self._rows = _Rows(columns)
        always = always or {}
        names = ", ".join(_quoted(name) for name in (*always, *(column.name for column in columns)))
        into = f"INSERT INTO {columns[0].table} ({names}) SELECT"
        told = ", ".join([*always.values(), *map(self._rows.as_told, columns)])
        self._portions = {size: f"{into} {told} FROM {self._rows.values(size)}" for size in PORTIONS}
        read = ", ".join([*always.values(), *map(_from_json, columns)])
        self._all = f"{into.replace(_QUOTE, '`')} {read} FROM {self._rows.json_table()}"

    def write(self, tx: Tx, rows: Sequence[Values]) -> None:
        """Add them all."""
        if tx.mysql:
            for text in self._rows.json_texts(rows):
                tx.driver(self._all, (text,))
            return
        for size, flat in self._rows.portions(rows):
            tx.driver(self._portions[size], flat)


class _Rows:
    """Rows of values on their way to the driver."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._marks = ", ".join("?" * len(columns))
        self._kept = [(column.name, keeping(column.type)) for column in columns]
        self._plain = [(column.name, _plain(column)) for column in columns]
        self._places = {column.name: f"told.column{place}" for place, column in enumerate(columns, 1)}

    def values(self, size: int) -> str:
        """So many rows as a table of SQLite's, which numbers its columns."""
        return f"(VALUES {', '.join([f'({self._marks})'] * size)}) AS told"

    def as_told(self, column: Column) -> str:
        """A value of ``values``."""
        return self._places[column.name]

    def json_table(self) -> str:
        """The rows as a table, whose columns are named as ours with a line below."""
        cells = ", ".join(f"{c.name}_ {_cell(c)} PATH '$[{place}]'" for place, c in enumerate(self._columns))
        return f"JSON_TABLE(%s, '$[*]' COLUMNS ({cells})) AS told"

    def json_texts(self, rows: Sequence[Values]) -> Iterator[str]:
        """The texts for ``json_table``, one statement each."""
        told: list[bytes] = []
        size = 0
        for row in rows:
            one = orjson.dumps([plain(row[name]) for name, plain in self._plain])
            if told and size + len(one) > JSON_AT_ONCE:
                yield _list_of(told)
                told, size = [], 0
            told.append(one)
            size += len(one)
        if told:
            yield _list_of(told)

    def portions(self, rows: Sequence[Values]) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """The rows in portions: their number, and their values one after the other."""
        at = 0
        for size in PORTIONS:
            while len(rows) - at >= size:
                portion = rows[at : at + size]
                yield size, tuple([keep(row[name]) for row in portion for name, keep in self._kept])
                at += size


def _list_of(told: Sequence[bytes]) -> str:
    return f"[{b','.join(told).decode()}]"


def _called(word: str, column: Column) -> Column:
    """A value for a column that has another one of the same row."""
    return sa.Column(f"{word}_{column.name}", column.type)


def _quoted(name: str) -> str:
    return f"{_QUOTE}{name}{_QUOTE}"


def _from_json(column: Column) -> str:
    """A cell of the JSON table as a value of its column."""
    told = f"told.{column.name}_"
    return f"UNHEX({told})" if isinstance(column.type, Id | Utf8) else told


def _cell(column: Column) -> str:
    """The type of a cell of the JSON table."""
    if isinstance(column.type, Id):
        return "CHAR(32)"
    if isinstance(column.type, Utf8):
        return "LONGTEXT"
    if isinstance(column.type, sa.String):
        return "VARCHAR(16)"
    return "DOUBLE" if isinstance(column.type, sa.Double) else "BIGINT"


def _plain(column: Column) -> Callable[[Any], Any]:
    """How a value of a column is written in JSON. Words of ours are spelled in ASCII."""
    if isinstance(column.type, Id):
        return lambda value: None if value is None else value.hex
    if isinstance(column.type, Utf8):
        return lambda value: None if value is None else value.encode().hex()
    if isinstance(column.type, sa.String):
        return lambda value: None if value is None else str(value)
    return lambda value: value
