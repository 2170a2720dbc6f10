"""Workers that their pool has no need of are asked to drain, whatever server they are connected to.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("worker_sessions", sa.Column("drain_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_worker_sessions_seen", "worker_sessions", ["seen_at"])
