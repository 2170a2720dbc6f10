"""The last request for a run that a definition's annotation carried.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

SERVERS = ("mysql", "mariadb")


def upgrade() -> None:
    op.create_table(
        "run_requests",
        sa.Column("task_id", sa.LargeBinary(16).with_variant(mysql.BINARY(16), *SERVERS), nullable=False),
        sa.Column(
            "fire_key", sa.LargeBinary(64).with_variant(mysql.VARBINARY(64), *SERVERS), nullable=False
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_run_requests_tasks")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_run_requests")),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )
