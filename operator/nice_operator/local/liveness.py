"""The local worker's lock as its lease: a dead holder is known at once, a living one is never doubted."""

from __future__ import annotations

from pathlib import Path

from nice_operator.domain.ids import SessionId
from nice_operator.local.locks import read_worker_lock


class LockLiveness:
    """``ports.Liveness`` of the dev mode, where every worker session is one of the local worker's lives."""

    def __init__(self, lock: Path) -> None:
        self._lock = lock

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        """Every session but the lock's holder is dead. While a new holder has not written its name, only
        the lease decides, so that nobody is called dead by mistake."""
        holder = read_worker_lock(self._lock)
        if holder is None:
            return sessions, frozenset()
        if holder.session is None:
            return frozenset(), frozenset()
        return sessions - {holder.session}, sessions & {holder.session}
