"""Chunks that the operator has not acknowledged yet, in a bounded amount of memory for the whole worker."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from nice_protocol.messages import LogLines

OVERHEAD = 200
"""Bytes that a chunk costs beside its text, about."""


class Budget:
    """Memory that the spools of one worker share, in bytes of text (characters, counted as one each).

    Once it is used up nothing is taken until half of it is free again: one long gap in a log is easier to
    understand than a thousand short ones.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used = 0
        self._full = False

    def take(self, size: int) -> bool:
        """Reserve; False when there is no room."""
        if self._full and self._used * 2 > self._limit:
            return False
        self._full = self._used + size > self._limit
        if not self._full:
            self._used += size
        return not self._full

    def hold(self, size: int) -> None:
        """Reserve whether there is room or not."""
        self._used += size

    def give_back(self, size: int) -> None:
        self._used -= size


@dataclass(frozen=True, slots=True)
class _Spooled:
    chunk: LogLines
    size: int


class Spool:
    """One attempt's chunks, in order: those sent and waiting for their acknowledgement, then the unsent."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._sent: deque[_Spooled] = deque()
        self._unsent: deque[_Spooled] = deque()

    def put(self, chunk: LogLines) -> bool:
        """Keep a chunk until it is acknowledged. False: no room, it is gone."""
        size = len(chunk.text) + sum(map(len, chunk.shown or ())) + OVERHEAD
        if not self._budget.take(size):
            return False
        self._unsent.append(_Spooled(chunk, size))
        return True

    def next_unsent(self, max_size: int) -> list[LogLines]:
        """Chunks to send now, at least one if there is any; from here on they wait for their ack."""
        taken: list[LogLines] = []
        size = 0
        while self._unsent and (not taken or size + self._unsent[0].size <= max_size):
            spooled = self._unsent.popleft()
            size += spooled.size
            taken.append(spooled.chunk)
            self._sent.append(spooled)
        return taken

    def acknowledge(self, last: int) -> None:
        """Lines up to ``last`` are stored."""
        while self._sent and self._sent[0].chunk.first + self._sent[0].chunk.lines - 1 <= last:
            self._budget.give_back(self._sent.popleft().size)

    def resend(self) -> None:
        """The connection broke: what was not acknowledged goes again."""
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()

    def forget(self) -> None:
        """Drop everything; nobody wants it any more."""
        for spooled in (*self._sent, *self._unsent):
            self._budget.give_back(spooled.size)
        self._sent.clear()
        self._unsent.clear()

    @property
    def all_sent(self) -> bool:
        return not self._unsent

    @property
    def empty(self) -> bool:
        return not self._unsent and not self._sent
