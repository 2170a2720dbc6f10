"""What the reaper is told of workers outside: the hub answers for those whose connections it has or had."""

from __future__ import annotations

from nice_operator.domain.ids import SessionId
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.ports import Liveness


class SocketsAreLeases:
    """``ports.Liveness``: asks another one about everybody else."""

    def __init__(self, others: Liveness, hub: ExternalHub) -> None:
        self._others = others
        self._hub = hub

    async def judge(
        self, sessions: frozenset[SessionId]
    ) -> tuple[frozenset[SessionId], frozenset[SessionId]]:
        """Sessions of the hub live until it has ended what they hold; their leases are not judged."""
        ours = sessions & self._hub.sessions
        dead, alive = await self._others.judge(sessions - ours)
        return dead, alive | ours
