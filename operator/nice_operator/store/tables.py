"""The schema. Whatever must never be false is a constraint here, whatever the code above believes.

Read docs/run-lifecycle.md for what the columns of ``runs`` mean in a run's life.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from nice_operator.domain.run import ACTIVE_STATES, RunState
from nice_operator.store.columns import Bytes, Id, Micros, Name, Text, word

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
    }
)
ENGINE: dict[str, Any] = {"mysql_engine": "InnoDB", "mariadb_engine": "InnoDB"}

KEY_BYTES = 512
"""Longest fire key: a prefix and an Idempotency-Key."""


def _words(states: frozenset[RunState]) -> str:
    return ", ".join(sorted(f"'{state}'" for state in states))


tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("namespace", Name(253), nullable=False),
    sa.Column("name", Name(253), nullable=False),
    sa.Column("task_name", Name(253)),  # NULL until a first good version names it
    sa.Column("uid", Name(253), nullable=False, unique=True),
    sa.Column("generation", sa.BigInteger, nullable=False),  # of the last good version; 0: none yet
    sa.Column("observed_generation", sa.BigInteger, nullable=False),
    sa.Column("origin", Text, nullable=False),
    sa.Column("stalled", Text, nullable=False),
    sa.Column("suspended", sa.SmallInteger, nullable=False),
    sa.Column("next_fire_at", Micros),
    sa.Column("anchor_at", Micros),
    sa.Column("first_seen_at", Micros, nullable=False),
    sa.Column("deleted_at", Micros),
    sa.Column("fired", sa.BigInteger, nullable=False),
    # 1 or NULL: NULLs never collide, so names are unique among the living only.
    sa.Column("living", sa.SmallInteger),
    sa.UniqueConstraint("namespace", "name", "living"),
    sa.UniqueConstraint("namespace", "task_name", "living"),
    sa.CheckConstraint("suspended IN (0, 1)", name="suspended"),
    sa.CheckConstraint("generation >= 0 AND generation <= observed_generation", name="generation"),
    sa.CheckConstraint("living IS NULL OR (living = 1 AND deleted_at IS NULL)", name="living"),
    sa.CheckConstraint(
        "COALESCE(living, 0) = 1 OR (deleted_at IS NOT NULL AND next_fire_at IS NULL)",
        name="deleted",  # NULL = 1 is NULL, and a CHECK lets NULL pass
    ),
    sa.Index("ix_tasks_due", "next_fire_at", "id"),
    **ENGINE,
)

task_versions = sa.Table(
    "task_versions",
    metadata,
    sa.Column("task_id", Id, sa.ForeignKey(tasks.c.id), primary_key=True),
    sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("manifest", Text, nullable=False),
    sa.Column("created_at", Micros, nullable=False),
    **ENGINE,
)

run_requests = sa.Table(
    "run_requests",  # the last run that a definition's annotation asked for
    metadata,
    sa.Column("task_id", Id, sa.ForeignKey(tasks.c.id), primary_key=True),
    sa.Column("fire_key", Name(64), nullable=False),
    **ENGINE,
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("task_id", Id, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("fire_key", Name(KEY_BYTES), nullable=False),
    sa.Column("scheduled_for", Micros, nullable=False),
    sa.Column("state", word(16), nullable=False),
    sa.Column("reason", Text, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("trigger", word(16), nullable=False),
    sa.Column("requester_name", Text, nullable=False),
    sa.Column("requester_email", Text, nullable=False),
    sa.Column("queue", Name(600), nullable=False),
    sa.Column("selector", Name(4096), nullable=False),
    sa.Column("priority_rank", sa.BigInteger, nullable=False),  # minus the priority: one index direction
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column("lost_count", sa.Integer, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("session", Id),
    sa.Column("worker", Name(253)),
    sa.Column("lease_until", Micros),
    sa.Column("available_at", Micros, nullable=False),
    sa.Column("deadline_at", Micros),
    sa.Column("active_key", Name(64), unique=True),
    sa.Column("waiting", sa.SmallInteger, nullable=False),  # 1: a bounded task's run without a slot
    sa.Column("blocked_by", Id),
    sa.Column("cancel_requested_at", Micros),
    sa.Column("created_at", Micros, nullable=False),
    sa.Column("claimed_at", Micros),
    sa.Column("started_at", Micros),
    sa.Column("finished_at", Micros),
    sa.Column("payload", Text, nullable=False),
    sa.Column("payload_given", sa.SmallInteger, nullable=False, server_default=sa.text("1")),
    sa.Column("result", Text),
    sa.Column("exit_code", sa.BigInteger),
    sa.Column("signal", Text),
    sa.Column("host", Text),
    sa.Column("cpu_seconds", sa.Double),
    sa.Column("peak_memory", sa.BigInteger),
    sa.Column("log", Text),
    sa.Column("missed_first", Micros),
    sa.Column("missed_last", Micros),
    sa.Column("missed_count", sa.BigInteger),
    sa.Column("rerun_of", Id),
    sa.UniqueConstraint("task_id", "fire_key"),
    sa.ForeignKeyConstraint(["task_id", "generation"], ["task_versions.task_id", "task_versions.generation"]),
    sa.CheckConstraint(f"state IN ({_words(frozenset(RunState))})", name="state"),
    sa.CheckConstraint(
        "state NOT IN ('claimed', 'running') OR "
        "(lease_until IS NOT NULL AND session IS NOT NULL AND claimed_at IS NOT NULL)",
        name="held",  # a lease of NULL would never be "over" in SQL
    ),
    sa.CheckConstraint("state IN ('claimed', 'running') OR lease_until IS NULL", name="lease"),
    sa.CheckConstraint(
        "state <> 'running' OR (started_at IS NOT NULL AND deadline_at IS NOT NULL)", name="running"
    ),
    sa.CheckConstraint(
        f"(state IN ({_words(ACTIVE_STATES)}) AND finished_at IS NULL) OR "
        f"(state NOT IN ({_words(ACTIVE_STATES)}) AND finished_at IS NOT NULL AND active_key IS NULL)",
        name="final",
    ),
    sa.CheckConstraint(
        "waiting = 0 OR (waiting = 1 AND state = 'queued' AND active_key IS NULL)", name="waiting"
    ),
    sa.CheckConstraint("blocked_by IS NULL OR state IN ('skipped', 'missed') OR waiting = 1", name="blocked"),
    sa.CheckConstraint(
        "(state = 'missed' AND missed_first IS NOT NULL AND missed_last IS NOT NULL AND missed_count >= 1) "
        "OR (state <> 'missed' AND missed_count IS NULL)",
        name="missed",
    ),
    sa.CheckConstraint("epoch >= 0 AND attempt >= 0 AND lost_count >= 0", name="counters"),
    sa.Index("ix_runs_claim", "queue", "state", "waiting", "priority_rank", "available_at", "id"),
    sa.Index("ix_runs_lease", "state", "lease_until"),
    sa.Index("ix_runs_waiting", "waiting", "blocked_by", "available_at"),
    sa.Index("ix_runs_task", "task_id", "id"),
    sa.Index("ix_runs_task_state", "task_id", "state", "id"),
    sa.Index("ix_runs_version", "task_id", "generation"),
    **ENGINE,
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("run_id", Id, sa.ForeignKey(runs.c.id), primary_key=True),
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    # 1: a report that came too late, refused but kept as evidence beside the attempt itself.
    sa.Column("stale", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("session", Id, nullable=False),
    sa.Column("worker", Name(253), nullable=False),
    sa.Column("claimed_at", Micros, nullable=False),
    sa.Column("started_at", Micros),
    sa.Column("ended_at", Micros),
    sa.Column("outcome_id", Id),
    sa.Column("state", word(16)),
    sa.Column("reason", Text, nullable=False),
    sa.Column("message", Text, nullable=False),
    sa.Column("exit_code", sa.BigInteger),
    sa.Column("signal", Text),
    sa.Column("stopped_by", Text),
    sa.Column("host", Text),
    sa.Column("cpu_seconds", sa.Double),
    sa.Column("peak_memory", sa.BigInteger),
    sa.Column("log", Text),
    sa.CheckConstraint("stale IN (0, 1)", name="stale"),
    sa.CheckConstraint("(state IS NULL) = (ended_at IS NULL)", name="ended"),
    sa.CheckConstraint("stale = 0 OR outcome_id IS NOT NULL", name="evidence"),
    **ENGINE,
)

worker_sessions = sa.Table(
    "worker_sessions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("worker", Name(253), nullable=False),
    sa.Column("pool", Name(600), nullable=False),
    sa.Column("labels", Text, nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("opened_at", Micros, nullable=False),
    sa.Column("seen_at", Micros, nullable=False),
    sa.Column("closed_at", Micros),
    sa.Column("fenced_by", Id),  # the newer session of the same worker that replaced it
    sa.Column("drain_at", Micros),  # when it was asked to take no more work
    sa.CheckConstraint("fenced_by IS NULL OR closed_at IS NOT NULL", name="fenced"),
    sa.Index("ix_worker_sessions_worker", "worker", "closed_at"),
    sa.Index("ix_worker_sessions_seen", "seen_at"),
    **ENGINE,
)

secrets = sa.Table(
    "secrets",
    metadata,
    sa.Column("name", word(64), primary_key=True),
    sa.Column("value", Bytes(32), nullable=False),
    **ENGINE,
)

leader = sa.Table(
    "leader",  # one row: the newest term of leadership
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("holder", Name(253), nullable=False),
    sa.Column("life", Id, nullable=False),  # the process that holds it, whatever it is called
    sa.Column("since_at", Micros, nullable=False),
    sa.Column("lease_until", Micros, nullable=False),
    sa.CheckConstraint("id = 1", name="one"),
    sa.CheckConstraint("number >= 1", name="number"),
    **ENGINE,
)

replicas = sa.Table(
    "replicas",  # the servers on this database, and what each says of the workers connected to it
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", Name(253), nullable=False),
    sa.Column("started_at", Micros, nullable=False),
    sa.Column("seen_at", Micros, nullable=False),
    sa.Column("told_at", Micros, nullable=False),  # when the roster changed
    sa.Column("roster", Text, nullable=False),
    **ENGINE,
)

schema_floor = sa.Table(
    "schema_floor",  # one row: programs whose own schema is older than this can no longer work on it
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("revision", word(16), nullable=False),
    sa.CheckConstraint("id = 1", name="one"),
    **ENGINE,
)

log_chunks = sa.Table(
    "log_chunks",
    metadata,
    sa.Column("run_id", Id, primary_key=True),  # no foreign key: logs may outlive or precede by a moment
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("at", Micros, nullable=False),
    sa.Column("stream", word(16), nullable=False),
    sa.Column("text", Text, nullable=False),
    sa.Column("shown", Text),  # a JSON array: what is read in place of each line
    sa.CheckConstraint("first >= 1 AND last >= first", name="range"),
    **ENGINE,
)

orphaned_logs = sa.Table(
    "orphaned_logs",  # deleted runs whose logs are not known to be deleted: their names, to find them by
    metadata,
    sa.Column("run_id", Id, primary_key=True),
    sa.Column("namespace", Name(253), nullable=False),
    sa.Column("task", Name(253), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    **ENGINE,
)
