"""Moments to the microsecond, read from the product's database file: the API tells milliseconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ENDED = "runs.state = 'succeeded' AND runs.result IS NOT NULL"


def first_line_delays(data: Path, task: str, since: str) -> list[float]:
    """Milliseconds from the column ``since`` to the first line of each succeeded run of ``task``."""
    query = (
        f"SELECT CAST(runs.result AS INTEGER) - {since} FROM runs "
        "JOIN tasks ON tasks.id = runs.task_id "
        "JOIN attempts ON attempts.run_id = runs.id AND attempts.stale = 0 "
        f"WHERE {ENDED} AND tasks.name = CAST(? AS BLOB) ORDER BY runs.id"
    )
    with closing(sqlite3.connect(f"file:{data / 'nice.db'}?mode=ro", uri=True)) as connection:
        return [micros / 1000 for (micros,) in connection.execute(query, (task,))]
