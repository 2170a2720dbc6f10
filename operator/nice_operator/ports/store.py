"""The database as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nice_operator.domain.ids import RunId
from nice_operator.ports.coordination import LeaderStore, ReplicaStore
from nice_operator.ports.logs import RunLogs
from nice_operator.ports.pools import PoolStore
from nice_operator.ports.runs import RunQueries, RunStore
from nice_operator.ports.tasks import FireStore, TaskStore


class HistoryStore(Protocol):
    """Retention."""

    async def prune(self, limit: int) -> Sequence[RunId]:
        """Delete up to ``limit`` runs beyond their task's history limits (never the last success or the
        last failure), and versions nothing refers to. Returns the deleted runs; that their logs must go too
        is noted with it (``orphaned_logs``)."""
        ...

    async def orphaned_logs(self, limit: int) -> Sequence[RunLogs]:
        """Up to ``limit`` deleted runs whose logs are not known to be deleted, the oldest first."""
        ...

    async def forget_orphaned(self, runs: Sequence[RunId]) -> None:
        """Their logs are deleted."""
        ...


class SecretStore(Protocol):
    """Keys that every server on the same database shares."""

    async def secret(self, name: str) -> bytes:
        """32 random bytes: made when first asked for, the same ever after."""
        ...


class Store(
    TaskStore,
    FireStore,
    RunStore,
    RunQueries,
    HistoryStore,
    SecretStore,
    LeaderStore,
    ReplicaStore,
    PoolStore,
    Protocol,
):
    """Everything the database does for the engine."""
