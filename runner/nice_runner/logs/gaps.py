"""Ranges of line numbers that are missing: kept in order, joined where they touch, bounded in number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_RANGES = 1000
"""With more the last one stretches: it then names lines that are there. A log has one or two, if any."""

Range = tuple[int, int]
"""First and last, both included."""


class Gaps:
    """A set of line numbers."""

    def __init__(self, ranges: Iterable[Sequence[int]] = ()) -> None:
        self._ranges: list[Range] = []
        for first, last in ranges:
            self.add(first, last)

    def __bool__(self) -> bool:
        return bool(self._ranges)

    def add(self, first: int, last: int) -> None:
        """These too; nothing when there are none (``first`` beyond ``last``)."""
        if first > last:
            return
        if not self._ranges or first > self._ranges[-1][1] + 1:
            self._ranges.append((first, last))
        elif first >= self._ranges[-1][0]:
            self._ranges[-1] = (self._ranges[-1][0], max(last, self._ranges[-1][1]))
        else:
            self._ranges = _joined([*self._ranges, (first, last)])
        if len(self._ranges) > MAX_RANGES:
            self._ranges[-2:] = [(self._ranges[-2][0], self._ranges[-1][1])]

    def ranges(self) -> list[list[int]]:
        """As messages have them."""
        return [[first, last] for first, last in self._ranges]

    def also(self, other: Gaps) -> Gaps:
        """What is missing from one or the other."""
        return Gaps(_joined([*self._ranges, *other._ranges]))

    def common(self, other: Gaps) -> Gaps:
        """What is missing from both."""
        found = Gaps()
        for first, last in self._ranges:
            for begin, end in other._ranges:
                found.add(max(first, begin), min(last, end))
        return found


def _joined(ranges: list[Range]) -> list[Range]:
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
