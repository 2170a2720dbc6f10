"""Finding a line in a stream that knows only times."""

from __future__ import annotations

import json
import random
from bisect import bisect_left
from collections.abc import Sequence

import pytest

from nice_operator.logs.seek import NEAR, PROBE, Event, start_of


class Stream:
    """Events in the order of their times. ``looks`` counts questions."""

    def __init__(self, times: Sequence[int], *others: Event) -> None:
        lines = [
            Event(at, json.dumps({"n": number, "c": number, "at": 0, "s": "stdout", "t": ""}))
            for number, at in enumerate(times, 1)
        ]
        self.events = sorted([*lines, *others], key=lambda event: event.at)
        self.times = [event.at for event in self.events]
        self.looks = 0

    def __call__(self, start: int | None, *, from_head: bool, limit: int) -> Sequence[Event]:
        assert limit == PROBE
        self.looks += 1
        begin = self._index(start)
        return self.events[begin : begin + limit] if from_head else self.events[-limit:]

    def first_from(self, start: int | None) -> int:
        """The first line that is read from there."""
        found = (json.loads(event.message).get("n") for event in self.events[self._index(start) :])
        return next(number for number in found if number)

    def _index(self, start: int | None) -> int:
        return 0 if start is None else bisect_left(self.times, start)


CHANCE = random.Random(7)
SHAPES = {
    "even": range(0, 500_000, 10),
    "in one millisecond": [5] * 50_000,
    "all at the end": [0, *([86_000_000] * 50_000)],
    "all at the beginning": [*([0] * 50_000), 86_000_000],
    "in bursts": sorted(CHANCE.choice([0, 7, 60_000, 61_000, 3_000_000]) for _ in range(50_000)),
    "by chance": sorted(CHANCE.randrange(10_000_000) for _ in range(50_000)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("line", [1, 2, 10_001, 25_000, 49_000, 50_000, 50_001, 60_000])
def test_reading_begins_no_later_than_the_line_with_few_questions(shape: Sequence[int], line: int) -> None:
    stream = Stream(shape)

    assert stream.first_from(start_of(stream, line)) <= line
    assert stream.looks <= 27


@pytest.mark.parametrize("line", [10_001, 25_000, 49_000])
def test_where_lines_come_evenly_it_begins_near(line: int) -> None:
    stream = Stream(SHAPES["even"])

    assert line - stream.first_from(start_of(stream, line)) <= NEAR


def test_events_that_are_no_lines_are_passed_over() -> None:
    stream = Stream(
        range(20_000), Event(-1, "hello"), Event(15_000, "not ours"), Event(20_000, '{"end": 20000}')
    )

    assert 10_000 <= stream.first_from(start_of(stream, 15_000)) <= 15_000


def test_a_stream_without_lines_is_read_from_its_beginning() -> None:
    assert start_of(Stream([]), 20_000) is None
