"""Which deleted runs have logs that must go still, and what their streams are called.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SERVERS = ("mysql", "mariadb")
TABLE = "orphaned_logs"


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table(TABLE):
        return
    name = sa.LargeBinary(253).with_variant(mysql.VARBINARY(253), *SERVERS)
    op.create_table(
        TABLE,
        sa.Column("run_id", sa.LargeBinary(16).with_variant(mysql.BINARY(16), *SERVERS), nullable=False),
        sa.Column("namespace", name, nullable=False),
        sa.Column("task", name, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_orphaned_logs")),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
