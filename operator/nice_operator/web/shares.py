"""How much of the server one client may use over HTTP: a bucket for each, so that a busy one waits, not all.

A request costs one, and one more for each 4 KiB of its body: about what they cost the processor. Messages of
WebSockets are bounded by connection (``pace``, ``workman.client_socket``).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable

from nice_operator.domain.errors import TooMany

BURST_SECONDS = 5.0
"""How many seconds' worth may come at once."""

BYTES_PER_COST = 4096
UNKNOWN_SIZE = 64 * 1024
"""What a body is taken for that does not say how long it is."""

MOST = 10_000
"""Clients whose buckets are kept. Whoever was not heard of for longest begins with a full one."""


class Shares:
    """``rate`` is what one client may spend in a second; 0: as much as it likes."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._most = rate * BURST_SECONDS
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, client: str, size: int | None) -> None:
        """Let a request with a body of ``size`` bytes (None: not known) in. Raises TooMany."""
        if not self._rate:
            return
        now = self._clock()
        left, at = self._left.pop(client, (self._most, now))
        left = min(self._most, left + (now - at) * self._rate)
        cost = min(1 + (UNKNOWN_SIZE if size is None else size) // BYTES_PER_COST, self._most)
        admitted = left >= cost
        self._left[client] = (left - cost if admitted else left, now)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
        if not admitted:
            raise _too_many(client, self._rate, (cost - left) / self._rate)


def _too_many(client: str, rate: float, wait: float) -> TooMany:
    seconds = max(1, math.ceil(wait))
    return TooMany(
        f"{client} has sent more than its share of {rate:g} requests a second; ask again in {seconds} s, "
        "send fewer at a time, or have NICE_CLIENT_RATE raised",
        seconds,
    )
