"""Who a worker of a pool is: its token is checked outside (in a cluster: by the API server)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WorkerIdentity:
    """What a worker's token proves. ``pool`` (``<namespace>/<name>``) is the only one that its hello may
    name, ``worker`` (in a cluster: the pod) the only name that it may have there; empty: any."""

    pool: str
    worker: str = ""


class WorkerGate(Protocol):
    """Decides before the upgrade whether a worker may connect over the network."""

    async def admit(self, token: str) -> WorkerIdentity | None:
        """Whose token it is; None when it proves nothing: unknown, expired, for another audience, of no pod
        of a pool. Raises Unavailable when whoever knows does not answer."""
        ...
