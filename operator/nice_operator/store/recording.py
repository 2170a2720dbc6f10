"""Inserting the rows that ``new_runs`` makes: many with one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from nice_operator.domain.run import RunState
from nice_operator.store.many_rows import EachInsert
from nice_operator.store.new_runs import RunRow
from nice_operator.store.tables import runs
from nice_operator.store.tx import Tx

LARGE = 4 * 1024
"""Characters of a payload beyond which its row is written as the driver writes it: as hex in a JSON table it
would be twice as long."""

_GIVEN = (
    "id", "task_id", "generation", "fire_key", "scheduled_for", "trigger", "requester_name",
    "requester_email", "queue", "selector", "priority_rank", "max_attempts", "available_at", "active_key",
    "created_at", "payload", "payload_given", "rerun_of",
)  # fmt: skip
_FATE = (
    "state", "reason", "message", "waiting", "blocked_by", "finished_at",
    "missed_first", "missed_last", "missed_count",
)  # fmt: skip
_BORN = dict.fromkeys(("attempt", "lost_count", "epoch"), "0")
_ADMITTED = _BORN | {"state": f"'{RunState.QUEUED}'", "waiting": "0", "reason": "X''", "message": "X''"}

_RECORD_ADMITTED = EachInsert([runs.c[name] for name in _GIVEN], _ADMITTED)
"""The usual case; the other columns of ``_FATE`` are NULL."""
_RECORD_ANY = EachInsert([runs.c[name] for name in (*_GIVEN, *_FATE)], _BORN)
_RECORD_LARGE = sa.insert(runs)


def record(tx: Tx, rows: Sequence[RunRow]) -> None:
    """Insert them all."""
    kinds: dict[Callable[[Tx, Sequence[RunRow]], object], list[RunRow]] = defaultdict(list)
    for row in rows:
        kinds[_statement(row)].append(row)
    for write, alike in kinds.items():
        write(tx, alike)


def _statement(row: RunRow) -> Callable[[Tx, Sequence[RunRow]], object]:
    if len(row["payload"]) > LARGE:
        return _write_large
    admitted = row["state"] is RunState.QUEUED and not row["waiting"]
    return _RECORD_ADMITTED.write if admitted else _RECORD_ANY.write


def _write_large(tx: Tx, rows: Sequence[RunRow]) -> None:
    tx.write(_RECORD_LARGE, rows)
