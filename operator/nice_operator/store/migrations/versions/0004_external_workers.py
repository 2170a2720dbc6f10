"""Whether a request named its payload, and keys that servers share: both for external workers.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SERVERS = ("mysql", "mariadb")


def upgrade() -> None:
    op.add_column(
        "runs", sa.Column("payload_given", sa.SmallInteger(), nullable=False, server_default=sa.text("1"))
    )
    name = sa.String(64).with_variant(mysql.VARCHAR(64, charset="ascii", collation="ascii_bin"), *SERVERS)
    value = sa.LargeBinary(32).with_variant(mysql.VARBINARY(32), *SERVERS)
    op.create_table(
        "secrets",
        sa.Column("name", name, nullable=False),
        sa.Column("value", value, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_secrets")),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
