"""What is known of workers beside their leases where nobody holds a lock for them: nothing."""

from __future__ import annotations

from nice_operator.domain.ids import SessionId


class LeasesDecide:
    """``ports.Liveness`` of the cluster."""

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        """None is known to be dead, none to be alive."""
        return frozenset(), frozenset()
