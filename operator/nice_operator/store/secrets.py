"""Keys that every server on the same database shares."""

from __future__ import annotations

import secrets as randomness

import sqlalchemy as sa

from nice_operator.store.tables import secrets
from nice_operator.store.tx import Tx

LENGTH = 32


def secret(tx: Tx, name: str) -> bytes:
    """The key of that name; whoever asks first makes it. Two at once: the second finds the first one's when
    its transaction is tried again."""
    row = tx.first(sa.select(secrets.c.value).where(secrets.c.name == name))
    if row is not None:
        return bytes(row.value)
    value = randomness.token_bytes(LENGTH)
    tx.write(sa.insert(secrets).values(name=name, value=value))
    return value
