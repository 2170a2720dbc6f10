"""Ranges of missing lines are what a set of numbers would be, in fewer words."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nice_runner.logs.gaps import MAX_RANGES, Gaps

ranges = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))), max_size=20
)


@given(ranges)
def test_they_hold_each_number_once_and_touch_nowhere(made: list[tuple[int, int]]) -> None:
    found = Gaps(made).ranges()

    assert _numbers(found) == {n for first, last in made for n in range(first, last + 1)}
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(ranges, ranges)
def test_both_and_either_are_those_of_sets(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    a, b = Gaps(one), Gaps(two)

    assert _numbers(a.common(b).ranges()) == _numbers(a.ranges()) & _numbers(b.ranges())
    assert _numbers(a.also(b).ranges()) == _numbers(a.ranges()) | _numbers(b.ranges())


def test_a_range_that_ends_before_it_begins_is_none() -> None:
    gaps = Gaps()

    gaps.add(5, 4)

    assert not gaps


def test_their_number_is_bounded_and_none_is_forgotten() -> None:
    gaps = Gaps((2 * n, 2 * n) for n in range(1, 2 * MAX_RANGES))

    found = gaps.ranges()

    assert len(found) == MAX_RANGES
    assert found[-1][1] == 2 * (2 * MAX_RANGES - 1)


def _numbers(ranges: list[list[int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}
