"""What was measured: figures with their aims, and how several repetitions become one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``values``: one per repetition; their median counts. ``aim`` None: only told."""

    name: str
    unit: str
    values: tuple[float, ...]
    aim: float | None = None
    more_is_better: bool = False
    remark: str = ""

    @property
    def value(self) -> float:
        """The median of the repetitions."""
        return median(self.values)

    @property
    def ratio(self) -> float | None:
        """How many times better than the aim: 2 is twice as good, 0.5 half."""
        if self.aim is None or not self.value:
            return None
        return self.value / self.aim if self.more_is_better else self.aim / self.value


def percentile(samples: Sequence[float], share: float) -> float:
    """The smallest sample that is not less than ``share`` of all (nearest rank)."""
    ordered = sorted(samples)
    rank = max(1, -(-len(ordered) * share // 1))
    return ordered[int(rank) - 1]
