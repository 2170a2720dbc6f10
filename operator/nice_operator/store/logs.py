"""Logs in SQL: chunks of numbered lines, one row each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from nice_operator.domain.ids import RunId
from nice_operator.ports import EndedLogs, LogChunk, RunLogs
from nice_operator.store.database import Database
from nice_operator.store.ended_logs import find_ended_logs
from nice_operator.store.tables import log_chunks
from nice_operator.store.times import from_micros, to_micros
from nice_operator.store.tx import Tx

LOOK_AHEAD = 1_000
"""Chunks whose sizes are looked at before their text is fetched."""

DELETE_BATCH = 500

_table = log_chunks


class SqlLogStore:
    """``ports.LogStore``, and ``ports.LiveLogs``, in the same database as the runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        """Store chunks; those whose first line is stored already are the same chunks again."""
        await self._database.write(lambda tx: _append(tx, run_id, attempt, chunks))

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """In order, from the line after ``after``; at least one chunk if there is any."""
        return await self._database.read(lambda tx: _read(tx, run_id, attempt, after, max_bytes))

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        """All attempts of these runs."""
        ordered = sorted(run.run_id for run in runs)
        for start in range(0, len(ordered), DELETE_BATCH):
            ids = ordered[start : start + DELETE_BATCH]
            await self._database.write(partial(_delete, ids=ids))

    async def ended(self, before: RunId | None, within: timedelta, limit: int) -> EndedLogs:
        """Newest runs first."""
        return await self._database.read(lambda tx: find_ended_logs(tx, before, within, limit))

    async def drop(self, run_id: RunId, attempt: int, last: int) -> None:
        """A chunk that goes beyond ``last`` stays whole."""
        mine = (*_of(run_id, attempt), _table.c.last <= last)
        await self._database.write(lambda tx: tx.write(sa.delete(_table).where(*mine)))


def _append(tx: Tx, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
    stored = _stored(tx, run_id, attempt, [chunk.first for chunk in chunks])
    fresh = {chunk.first: chunk for chunk in chunks if chunk.first not in stored}
    tx.write(sa.insert(_table), [_row(run_id, attempt, chunk) for chunk in fresh.values()])


def _stored(tx: Tx, run_id: RunId, attempt: int, firsts: Sequence[int]) -> frozenset[int]:
    query = sa.select(_table.c.first).where(*_of(run_id, attempt), _table.c.first.in_(firsts))
    return frozenset(row.first for row in tx.all(query))


def _read(tx: Tx, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
    sizes = (
        sa.select(_table.c.first, sa.func.length(_table.c.text).label("size"))
        .where(*_of(run_id, attempt), _table.c.last > after, _table.c.first >= _begin(run_id, attempt, after))
        .order_by(_table.c.first)
        .limit(LOOK_AHEAD)
    )
    wanted = list(_fitting(tx.all(sizes), max_bytes))
    if not wanted:
        return ()
    query = sa.select(_table).where(*_of(run_id, attempt), _table.c.first.between(wanted[0], wanted[-1]))
    return [_chunk(row) for row in tx.all(query.order_by(_table.c.first)) if row.last > after]


def _begin(run_id: RunId, attempt: int, after: int) -> sa.ColumnElement[int]:
    """Where to begin in the index: the last chunk that begins no later than the wanted line."""
    last = sa.select(sa.func.max(_table.c.first)).where(*_of(run_id, attempt), _table.c.first <= after + 1)
    return sa.func.coalesce(last.scalar_subquery(), 0)


def _fitting(sizes: Sequence[sa.Row[Any]], max_bytes: int) -> Iterator[int]:
    total = 0
    for row in sizes:
        if total and total + row.size > max_bytes:
            return
        total += row.size
        yield row.first


def _delete(tx: Tx, *, ids: Sequence[RunId]) -> None:
    tx.write(sa.delete(_table).where(_table.c.run_id.in_(ids)))


def _of(run_id: RunId, attempt: int) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _table.c.run_id == run_id, _table.c.attempt == attempt


def _row(run_id: RunId, attempt: int, chunk: LogChunk) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "attempt": attempt,
        "first": chunk.first,
        "last": chunk.last,
        "at": to_micros(chunk.at),
        "stream": chunk.stream,
        "text": chunk.text,
        "shown": None if chunk.shown is None else json.dumps(chunk.shown, ensure_ascii=False),
    }


def _chunk(row: sa.Row[Any]) -> LogChunk:
    shown = None if row.shown is None else tuple(json.loads(row.shown))
    lines = row.last - row.first + 1
    return LogChunk(row.first, lines, from_micros(row.at), row.stream, row.text, shown)
