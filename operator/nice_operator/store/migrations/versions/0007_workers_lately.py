"""Which workers were heard of lately is asked every two seconds, and sessions are kept.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEX = "ix_worker_sessions_seen"


def upgrade() -> None:
    found = sa.inspect(op.get_bind()).get_indexes("worker_sessions")
    if INDEX not in {index["name"] for index in found}:
        op.create_index(INDEX, "worker_sessions", ["seen_at"])
