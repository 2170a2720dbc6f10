"""Who leads: one row, taken, kept and left by one guarded statement each.

The row decides, by the database's clock; whatever else a replica asks first only saves it the question.
``life`` is the process that took it: after a restore of older data nobody takes another's term for its own.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa

from nice_operator.ports import Lead, Term
from nice_operator.store.tables import leader
from nice_operator.store.times import from_micros, span
from nice_operator.store.tx import Tx

_ROW = 1
CLOCK_WENT_BACK = timedelta(seconds=30)
"""Longer than any transaction lasts, from its look at the clock to its end."""
_table = leader


def take_lead(tx: Tx, holder: str, life: UUID, ttl: timedelta) -> Term | None:
    """A new term for ``ttl``, if the last one is over or was this very process's; its number is one more than
    any before. A lease that ends much later than anybody may ask for was written before the clock went back;
    one that ends a little later was renewed since we asked the clock."""
    until = tx.now + span(ttl)
    impossible = _table.c.lease_until > until + span(CLOCK_WENT_BACK)
    free = sa.or_(_table.c.lease_until <= tx.now, impossible, _table.c.life == life)
    facts = {"holder": holder, "life": life, "since_at": tx.now, "lease_until": until}
    taken = tx.write(
        sa.update(_table).where(_table.c.id == _ROW, free).values(number=_table.c.number + 1, **facts)
    )
    row = tx.first(sa.select(_table.c.number).where(_table.c.id == _ROW))
    if row is None:  # the first term of all; of two who begin it, the key lets one
        tx.write(sa.insert(_table).values(id=_ROW, number=1, **facts))
        return Term(1, holder)
    return Term(row.number, holder) if taken else None


def keep_lead(tx: Tx, term: Term, life: UUID, ttl: timedelta) -> bool:
    """Another ``ttl`` from now, unless somebody else has begun a term. A late renewal of a lease that nobody
    took goes on: it is its holder's own clock that ends a term in time."""
    own = (_table.c.id == _ROW, _table.c.number == term.number, _table.c.life == life)
    return tx.write(sa.update(_table).where(*own).values(lease_until=tx.now + span(ttl))) == 1


def leave_lead(tx: Tx, term: Term, life: UUID) -> None:
    """End the term now, so that nobody has to wait for it."""
    own = (_table.c.id == _ROW, _table.c.number == term.number, _table.c.life == life)
    tx.write(sa.update(_table).where(*own).values(lease_until=tx.now))


def read_lead(tx: Tx) -> Lead | None:
    """The newest term, over or not; None before the first."""
    row = tx.first(sa.select(_table).where(_table.c.id == _ROW))
    if row is None:
        return None
    return Lead(Term(row.number, row.holder), from_micros(row.since_at), row.lease_until > tx.now)
