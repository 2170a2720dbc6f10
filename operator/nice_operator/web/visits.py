"""Who is here now: requests and sockets under way, each by the token that let it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from nice_operator.web.tokens import Client

PARTING_SECONDS = 2.0
"""How long the end of a socket may take that is told why; then it is cut."""


class Goodbye(Protocol):
    """Ends a WebSocket in order: a code and a reason, after what is queued."""

    def __call__(self, code: int, reason: str) -> None: ...


@dataclass(eq=False, slots=True)
class Visit:
    """One request under way. A WebSocket sets ``goodbye``; anything else is cut without a word."""

    client: Client
    transport: asyncio.Transport | None
    goodbye: Goodbye | None = None

    def end(self, code: int, reason: str) -> None:
        """Send the visitor away."""
        if self.transport is None:
            return
        if self.goodbye is None:
            self.transport.abort()
            return
        self.goodbye(code, reason)
        asyncio.get_running_loop().call_later(PARTING_SECONDS, self.transport.abort)


class Visits:
    """All of them."""

    def __init__(self) -> None:
        self._visits: set[Visit] = set()

    def __len__(self) -> int:
        return len(self._visits)

    @contextmanager
    def visit(self, client: Client, transport: asyncio.Transport | None) -> Iterator[Visit]:
        """Somebody came in, and leaves at the end of the block."""
        visit = Visit(client, transport)
        self._visits.add(visit)
        try:
            yield visit
        finally:
            self._visits.discard(visit)

    def end_unless(self, welcome: Callable[[Client], bool], code: int, reason: str) -> None:
        """Send everybody away who is not ``welcome`` any more."""
        for visit in [visit for visit in self._visits if not welcome(visit.client)]:
            self._visits.discard(visit)
            visit.end(code, reason)
