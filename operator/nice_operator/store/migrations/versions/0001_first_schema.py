"""The first schema: tasks and their versions, runs, attempts, worker sessions, log chunks.

Revision ID: 0001
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ENGINE: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}
SERVERS = ("mysql", "mariadb")
ID = sa.LargeBinary(16).with_variant(mysql.BINARY(16), *SERVERS)
TEXT = sa.LargeBinary().with_variant(mysql.LONGBLOB(), *SERVERS)


def _name(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), *SERVERS)


def _word(length: int) -> sa.types.TypeEngine[str]:
    exact = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return sa.String(length).with_variant(exact, *SERVERS)


def upgrade() -> None:
    op.create_table(
        "log_chunks",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("stream", _word(16), nullable=False),
        sa.Column("text", TEXT, nullable=False),
        sa.CheckConstraint("first >= 1 AND last >= first", name=op.f("ck_log_chunks_range")),
        sa.PrimaryKeyConstraint("run_id", "attempt", "first", name=op.f("pk_log_chunks")),
        **ENGINE,
    )
    op.create_table(
        "tasks",
        sa.Column("id", ID, nullable=False),
        sa.Column("namespace", _name(253), nullable=False),
        sa.Column("name", _name(253), nullable=False),
        sa.Column("task_name", _name(253), nullable=True),
        sa.Column("uid", _name(253), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("observed_generation", sa.BigInteger(), nullable=False),
        sa.Column("origin", TEXT, nullable=False),
        sa.Column("stalled", TEXT, nullable=False),
        sa.Column("suspended", sa.SmallInteger(), nullable=False),
        sa.Column("next_fire_at", sa.BigInteger(), nullable=True),
        sa.Column("anchor_at", sa.BigInteger(), nullable=True),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("fired", sa.BigInteger(), nullable=False),
        sa.Column("living", sa.SmallInteger(), nullable=True),
        sa.CheckConstraint(
            "COALESCE(living, 0) = 1 OR (deleted_at IS NOT NULL AND next_fire_at IS NULL)",
            name=op.f("ck_tasks_deleted"),
        ),
        sa.CheckConstraint(
            "generation >= 0 AND generation <= observed_generation", name=op.f("ck_tasks_generation")
        ),
        sa.CheckConstraint(
            "living IS NULL OR (living = 1 AND deleted_at IS NULL)", name=op.f("ck_tasks_living")
        ),
        sa.CheckConstraint("suspended IN (0, 1)", name=op.f("ck_tasks_suspended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint("namespace", "name", "living", name=op.f("uq_tasks_namespace_name_living")),
        sa.UniqueConstraint(
            "namespace", "task_name", "living", name=op.f("uq_tasks_namespace_task_name_living")
        ),
        sa.UniqueConstraint("uid", name=op.f("uq_tasks_uid")),
        **ENGINE,
    )
    op.create_index("ix_tasks_due", "tasks", ["next_fire_at", "id"], unique=False)
    op.create_table(
        "worker_sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("worker", _name(253), nullable=False),
        sa.Column("pool", _name(600), nullable=False),
        sa.Column("labels", TEXT, nullable=False),
        sa.Column("slots", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("fenced_by", ID, nullable=True),
        sa.CheckConstraint(
            "fenced_by IS NULL OR closed_at IS NOT NULL", name=op.f("ck_worker_sessions_fenced")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_sessions")),
        **ENGINE,
    )
    op.create_index("ix_worker_sessions_worker", "worker_sessions", ["worker", "closed_at"], unique=False)
    op.create_table(
        "task_versions",
        sa.Column("task_id", ID, nullable=False),
        sa.Column("generation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", TEXT, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_versions_tasks")),
        sa.PrimaryKeyConstraint("task_id", "generation", name=op.f("pk_task_versions")),
        **ENGINE,
    )
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("task_id", ID, nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("fire_key", _name(512), nullable=False),
        sa.Column("scheduled_for", sa.BigInteger(), nullable=False),
        sa.Column("state", _word(16), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("trigger", _word(16), nullable=False),
        sa.Column("requester_name", TEXT, nullable=False),
        sa.Column("requester_email", TEXT, nullable=False),
        sa.Column("queue", _name(600), nullable=False),
        sa.Column("selector", _name(4096), nullable=False),
        sa.Column("priority_rank", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("lost_count", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("session", ID, nullable=True),
        sa.Column("worker", _name(253), nullable=True),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("available_at", sa.BigInteger(), nullable=False),
        sa.Column("deadline_at", sa.BigInteger(), nullable=True),
        sa.Column("active_key", _name(64), nullable=True),
        sa.Column("waiting", sa.SmallInteger(), nullable=False),
        sa.Column("blocked_by", ID, nullable=True),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("payload", TEXT, nullable=False),
        sa.Column("result", TEXT, nullable=True),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("signal", TEXT, nullable=True),
        sa.Column("host", TEXT, nullable=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.Column("peak_memory", sa.BigInteger(), nullable=True),
        sa.Column("log", TEXT, nullable=True),
        sa.Column("missed_first", sa.BigInteger(), nullable=True),
        sa.Column("missed_last", sa.BigInteger(), nullable=True),
        sa.Column("missed_count", sa.BigInteger(), nullable=True),
        sa.Column("rerun_of", ID, nullable=True),
        sa.CheckConstraint(
            "(state = 'missed' AND missed_first IS NOT NULL AND missed_last IS NOT NULL AND missed_count >= 1) OR (state <> 'missed' AND missed_count IS NULL)",
            name=op.f("ck_runs_missed"),
        ),
        sa.CheckConstraint(
            "(state IN ('claimed', 'queued', 'running') AND finished_at IS NULL) OR (state NOT IN ('claimed', 'queued', 'running') AND finished_at IS NOT NULL AND active_key IS NULL)",
            name=op.f("ck_runs_final"),
        ),
        sa.CheckConstraint(
            "blocked_by IS NULL OR state IN ('skipped', 'missed') OR waiting = 1",
            name=op.f("ck_runs_blocked"),
        ),
        sa.CheckConstraint(
            "state <> 'running' OR (started_at IS NOT NULL AND deadline_at IS NOT NULL)",
            name=op.f("ck_runs_running"),
        ),
        sa.CheckConstraint(
            "state IN ('cancelled', 'claimed', 'failed', 'lost', 'missed', 'queued', 'running', 'skipped', 'succeeded', 'timed_out')",
            name=op.f("ck_runs_state"),
        ),
        sa.CheckConstraint(
            "state IN ('claimed', 'running') OR lease_until IS NULL", name=op.f("ck_runs_lease")
        ),
        sa.CheckConstraint(
            "state NOT IN ('claimed', 'running') OR (lease_until IS NOT NULL AND session IS NOT NULL AND claimed_at IS NOT NULL)",
            name=op.f("ck_runs_held"),
        ),
        sa.CheckConstraint(
            "waiting = 0 OR (waiting = 1 AND state = 'queued' AND active_key IS NULL)",
            name=op.f("ck_runs_waiting"),
        ),
        sa.CheckConstraint("epoch >= 0 AND attempt >= 0 AND lost_count >= 0", name=op.f("ck_runs_counters")),
        sa.ForeignKeyConstraint(
            ["task_id", "generation"],
            ["task_versions.task_id", "task_versions.generation"],
            name=op.f("fk_runs_task_versions"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint("active_key", name=op.f("uq_runs_active_key")),
        sa.UniqueConstraint("task_id", "fire_key", name=op.f("uq_runs_task_id_fire_key")),
        **ENGINE,
    )
    op.create_index(
        "ix_runs_claim",
        "runs",
        ["queue", "state", "waiting", "priority_rank", "available_at", "id"],
        unique=False,
    )
    op.create_index("ix_runs_lease", "runs", ["state", "lease_until"], unique=False)
    op.create_index("ix_runs_task", "runs", ["task_id", "id"], unique=False)
    op.create_index("ix_runs_task_state", "runs", ["task_id", "state", "id"], unique=False)
    op.create_index("ix_runs_version", "runs", ["task_id", "generation"], unique=False)
    op.create_index("ix_runs_waiting", "runs", ["waiting", "blocked_by", "available_at"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stale", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("session", ID, nullable=False),
        sa.Column("worker", _name(253), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome_id", ID, nullable=True),
        sa.Column("state", _word(16), nullable=True),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("message", TEXT, nullable=False),
        sa.Column("exit_code", sa.BigInteger(), nullable=True),
        sa.Column("signal", TEXT, nullable=True),
        sa.Column("stopped_by", TEXT, nullable=True),
        sa.Column("host", TEXT, nullable=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.Column("peak_memory", sa.BigInteger(), nullable=True),
        sa.Column("log", TEXT, nullable=True),
        sa.CheckConstraint("(state IS NULL) = (ended_at IS NULL)", name=op.f("ck_attempts_ended")),
        sa.CheckConstraint("stale = 0 OR outcome_id IS NOT NULL", name=op.f("ck_attempts_evidence")),
        sa.CheckConstraint("stale IN (0, 1)", name=op.f("ck_attempts_stale")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempts_runs")),
        sa.PrimaryKeyConstraint("run_id", "epoch", "stale", name=op.f("pk_attempts")),
        **ENGINE,
    )
