"""Several servers on one database: who leads, who is there, which workers are to drain, and the oldest program
that may use it.

Servers commit at each statement of a schema, so every step can be repeated after a crash between two of them.

Revision ID: 0006
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ENGINE: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}
SERVERS = ("mysql", "mariadb")
ID = sa.LargeBinary(16).with_variant(mysql.BINARY(16), *SERVERS)
NAME = sa.LargeBinary(253).with_variant(mysql.VARBINARY(253), *SERVERS)
TEXT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *SERVERS)
REVISION = sa.String(16).with_variant(mysql.VARCHAR(16, charset="ascii", collation="ascii_bin"), *SERVERS)

FLOOR = (
    "INSERT INTO schema_floor (id, revision) SELECT 1, '0006' FROM (SELECT 1 AS one) AS once "
    "WHERE NOT EXISTS (SELECT 1 FROM schema_floor)"
)


def upgrade() -> None:
    sessions = sa.inspect(op.get_bind()).get_columns("worker_sessions")
    if "drain_at" not in {column["name"] for column in sessions}:
        op.add_column("worker_sessions", sa.Column("drain_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "leader",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("holder", NAME, nullable=False),
        sa.Column("life", ID, nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_leader_one")),
        sa.CheckConstraint("number >= 1", name=op.f("ck_leader_number")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leader")),
        if_not_exists=True,
        **ENGINE,
    )
    op.create_table(
        "replicas",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=False),
        sa.Column("roster", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replicas")),
        if_not_exists=True,
        **ENGINE,
    )
    op.create_table(
        "schema_floor",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("revision", REVISION, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_schema_floor_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_schema_floor")),
        if_not_exists=True,
        **ENGINE,
    )
    op.execute(FLOOR)
