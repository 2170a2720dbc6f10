"""Queries whose text is made once: what the busiest transitions read with.

To build, compile and bind a query for each transaction, and to convert what comes back by way of
SQLAlchemy's types, costs ten times what SQLite needs to answer it. The text is SQLAlchemy's own, made when
first needed for a dialect; values go to the driver as they are kept, and only columns that are not as wanted
are converted.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from nice_operator.store.columns import keeping, reading
from nice_operator.store.tx import Tx

Values = Mapping[str, Any]
Row = Any
"""A named tuple with the query's columns."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value of the text comes from: the parameter ``name``; ``index`` of it, if it is a list, and
    ``part`` of that, if it is a list of tuples."""

    name: str
    index: int | None = None
    part: int | None = None

    def of(self, values: Values) -> Any:
        """The value. A list shorter than the text has room for goes on with its last one."""
        value = values[self.name]
        if self.index is not None:
            value = value[min(self.index, len(value) - 1)]
        return value if self.part is None else value[self.part]


@dataclass(frozen=True, slots=True)
class _Text:
    """The statement, and how each of its values is told: its name, what keeps it, where it comes from."""

    statement: str
    values: Sequence[tuple[str, Callable[[Any], Any], Any]]
    by_position: bool

    def told(self, values: Values) -> Any:
        """Values as the driver takes them."""
        told = [
            (name, keep(what.of(values) if isinstance(what, _Place) else what))
            for name, keep, what in self.values
        ]
        return tuple([value for _, value in told]) if self.by_position else dict(told)


class Prepared:
    """``query`` has a ``bindparam`` for each of its values, with its type; lists are ``expanding``.
    ``locks``: a server keeps the rows from everybody else until we commit; ``skips``: without those that
    somebody holds."""

    def __init__(self, query: sa.Select[Any], *, locks: bool = False, skips: bool = False) -> None:
        self._query = query
        self._locked = query.with_for_update(skip_locked=skips) if locks or skips else query
        self._lists = [name for name, bound in query.compile().binds.items() if bound.expanding]
        self._texts: dict[tuple[bool, tuple[int, ...]], _Text] = {}
        columns = list(query.selected_columns)
        self._make: Callable[[list[Any]], Row] = _row_of([column.name for column in columns])
        readers = ((place, reading(column.type)) for place, column in enumerate(columns))
        self._readers = [(place, read) for place, read in readers if read is not None]

    def all(self, tx: Tx, values: Values) -> list[Row]:
        """Every row. No list of ``values`` may be empty."""
        sizes = tuple([_room(values[name]) for name in self._lists])
        text = self._texts.get((tx.mysql, sizes)) or self._write(tx, sizes)
        return [self._row(row) for row in tx.fetch(text.statement, text.told(values))]

    def _row(self, kept: sa.Row[Any]) -> Row:
        values = list(kept)
        for place, read in self._readers:
            if values[place] is not None:
                values[place] = read(values[place])
        return self._make(values)

    def _write(self, tx: Tx, sizes: tuple[int, ...]) -> _Text:
        query = self._locked if tx.mysql else self._query
        text = _text(query.compile(dialect=tx.dialect), dict(zip(self._lists, sizes, strict=True)))
        return self._texts.setdefault((tx.mysql, sizes), text)


def _row_of(names: list[str]) -> Any:
    kind: Any = namedtuple  # mypy wants to see the names
    return kind("row", names)._make


def _text(compiled: Any, room: Mapping[str, int]) -> _Text:
    """``compiled`` with ``room`` for so many values in each list."""
    types = {name: bound.type for name, bound in compiled.binds.items()}
    given = {name: _places(name, types[name], room.get(name)) for name in types if _is_ours(compiled, name)}
    state = compiled.construct_expanded_state(given)
    for name, spread in state.parameter_expansion.items():
        types |= dict.fromkeys(spread, types[name])
    names = state.positiontup if compiled.positional else state.parameters
    told = ((name, state.parameters[name]) for name in names)
    values = [(name, keeping(_type(what, types[name])), what) for name, what in told]
    return _Text(state.statement, values, compiled.positional)


def _is_ours(compiled: Any, name: str) -> bool:
    """Whether a value is given with each call, and is not part of the query."""
    bound = compiled.binds[name]
    return bool(bound.required or bound.expanding)


def _places(name: str, kind: Any, room: int | None) -> Any:
    if room is None:
        return _Place(name)
    if isinstance(kind, sa.types.TupleType):
        parts = range(len(kind.types))
        return [tuple(_Place(name, index, part) for part in parts) for index in range(room)]
    return [_Place(name, index) for index in range(room)]


def _type(what: Any, kind: Any) -> Any:
    """The type of one value, which may be a part of a tuple."""
    return kind.types[what.part] if isinstance(what, _Place) and what.part is not None else kind


def _room(values: Collection[Any]) -> int:
    """A list takes the next power of two, so that few texts are kept."""
    return 1 << (len(values) - 1).bit_length()
