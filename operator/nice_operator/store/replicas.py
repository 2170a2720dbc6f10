"""The servers on this database, and what each of them says of the workers that are connected to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import sqlalchemy as sa

from nice_operator.ports import Replica
from nice_operator.store.tables import replicas
from nice_operator.store.times import from_micros, span, to_micros
from nice_operator.store.tx import Tx

FORGOTTEN_AFTER = timedelta(hours=1)
"""A server that was not heard of for so long is gone, and its row with it."""

_table = replicas
_FACTS = (_table.c.id, _table.c.name, _table.c.started_at, _table.c.seen_at, _table.c.told_at)


def tell_replica(tx: Tx, replica: UUID, name: str, roster: str | None) -> None:
    """It is there; ``roster`` None: its workers are as it told last."""
    news = {} if roster is None else {"roster": roster, "told_at": tx.now}
    told = tx.write(sa.update(_table).where(_table.c.id == replica).values(seen_at=tx.now, **news))
    if told:
        return
    tx.write(sa.delete(_table).where(_table.c.seen_at < tx.now - span(FORGOTTEN_AFTER)))
    facts = {"started_at": tx.now, "seen_at": tx.now, "told_at": tx.now, "roster": roster or "[]"}
    tx.write(sa.insert(_table).values(id=replica, name=name, **facts))


def forget_replica(tx: Tx, replica: UUID) -> None:
    """It ends."""
    tx.write(sa.delete(_table).where(_table.c.id == replica))


def read_replicas(tx: Tx, within: timedelta, known: Mapping[UUID, datetime]) -> Sequence[Replica]:
    """Those heard of ``within`` that time, the oldest first; a roster is read only if it is not ``known``."""
    recent = _table.c.seen_at >= tx.now - span(within)
    rows = tx.all(sa.select(*_FACTS).where(recent).order_by(_table.c.started_at, _table.c.id))
    told = {one: to_micros(at) for one, at in known.items()}
    news = [row.id for row in rows if told.get(row.id) != row.told_at]
    rosters: dict[UUID, str] = {}
    if news:
        query = sa.select(_table.c.id, _table.c.roster).where(_table.c.id.in_(news))
        rosters = {row.id: row.roster for row in tx.all(query)}
    return [
        Replica(
            row.id,
            row.name,
            from_micros(row.started_at),
            from_micros(row.seen_at),
            from_micros(row.told_at),
            rosters.get(row.id),
        )
        for row in rows
    ]
