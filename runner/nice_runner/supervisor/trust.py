"""How long the worker may believe that the operator believes in it."""

from __future__ import annotations

MARGIN = 3.0
"""Seconds between the last process's end and the lease's, for what clocks and networks take."""

LONGEST_GRACE = 5.0
"""Seconds that a run without a lease may take for its own end, whatever its task allows."""


class Trust:
    """Counts from the moment an acknowledged message was *sent*: the lease began then or later. Times are
    seconds on one monotonic clock. Without a lease (local worker) trust has no end."""

    def __init__(self) -> None:
        self._lease: float | None = None
        self._anchor = 0.0
        self._sent: dict[int, float] = {}

    def welcomed(self, lease: float | None, hello_sent: float) -> None:
        """A connection was opened; heartbeats of earlier ones are not answered any more."""
        self._lease, self._anchor = lease, hello_sent
        self._sent.clear()

    def sent(self, seq: int, now: float) -> None:
        """A heartbeat left."""
        self._sent[seq] = now

    def acknowledged(self, seq: int) -> None:
        """Its answer came."""
        self._anchor = max(self._anchor, self._sent.pop(seq, self._anchor))
        self._sent = {later: at for later, at in self._sent.items() if later > seq}

    def over(self, grace: float, now: float) -> bool:
        """Whether a run with this grace must be stopped now, to be gone when the lease is."""
        if self._lease is None:
            return False
        return now >= self._anchor + self._lease - min(grace, LONGEST_GRACE) - MARGIN
