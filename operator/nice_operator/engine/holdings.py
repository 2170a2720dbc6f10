"""The runs that one connection's worker holds: what is known of each, and the order of its reports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from nice_operator.domain.ids import RunId
from nice_operator.ports import Claimed, HeldRun


@dataclass(slots=True)
class Holding:
    """One run in a worker's hands. ``turn`` keeps its reports in the order they came."""

    claimed: Claimed
    held: HeldRun
    cancel_requested: bool
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Holdings:
    """By (run, epoch): a run that comes back with a newer epoch is another holding."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[RunId, int], Holding] = {}

    def add(self, claimed: Claimed, held: HeldRun) -> Holding:
        """Note a run that the store says this worker holds."""
        holding = Holding(claimed, held, claimed.run.cancel_requested_at is not None)
        self._by_key[held.id, held.epoch] = holding
        return holding

    def get(self, held: HeldRun) -> Holding | None:
        """What is known of a run, None when it is not held."""
        return self._by_key.get((held.id, held.epoch))

    def drop(self, runs: Sequence[HeldRun]) -> None:
        """Forget runs that are no longer the worker's."""
        for held in runs:
            self._by_key.pop((held.id, held.epoch), None)

    def __iter__(self) -> Iterator[Holding]:
        return iter(tuple(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)
