"""One log into its stream: what comes in the way, and what is said to be missing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nice_protocol.messages import LogEnd, LogLines
from nice_runner.logs.cloudwatch.delivery import MOST_REJECTED, Carried, Delivery, Farewell
from nice_runner.logs.cloudwatch.events import Event
from nice_runner.logs.cloudwatch.trouble import Away, Denied, Missing, Rejected
from nice_runner.logs.gaps import Gaps
from nice_runner.logs.ring import Reel, Ring

STREAM = "default/hello/1/1"


class Cloud:
    """Keeps events of one stream; ``before`` each put may raise, or name the events that are refused."""

    def __init__(self, before: Callable[[Cloud, Sequence[Event]], Sequence[Event]] | None = None) -> None:
        self.stored: list[dict[str, Any]] = []
        self.there = False
        self.puts = 0
        self._before = before or (lambda cloud, batch: ())

    def prepare(self, stream: str) -> None:
        assert stream == STREAM
        self.there = True

    def put(self, stream: str, batch: Sequence[Event]) -> Sequence[Event]:
        self.puts += 1
        refused = self._before(self, batch)
        if not self.there:
            raise Missing("no such stream")
        self.stored += [json.loads(event.message) for event in batch if event not in refused]
        return refused

    def delete(self) -> None:
        """As somebody at a console does."""
        self.there = False
        self.stored.clear()

    @property
    def lines(self) -> list[int]:
        return [message["n"] for message in self.stored if "n" in message]


@pytest.fixture
def reel(tmp_path: Path) -> Reel:
    return Ring(tmp_path / "spool", 64 * 1024 * 1024).reel("0190.1", STREAM)


def test_one_bad_event_costs_itself_alone(reel: Reel) -> None:
    def hates_line_7(cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        if any(event.line == 7 for event in batch):
            raise Rejected("InvalidParameterException: line 7")
        return ()

    cloud = Cloud(hates_line_7)
    delivery = _carry_all(cloud, reel, _chunk(1, 100))

    assert cloud.lines == [n for n in range(1, 101) if n != 7]
    assert delivery.missing.ranges() == [[7, 7]]
    assert "line 7" in delivery.why
    assert cloud.puts <= 2 * 7 + 1


def test_a_stream_of_which_nothing_is_taken_is_given_up_after_a_bounded_number_of_calls(reel: Reel) -> None:
    def hates_all(cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        raise Rejected("InvalidParameterException: no")

    cloud = Cloud(hates_all)
    reel.add(_chunk(1, 10_000))
    carried = _carry(cloud, Delivery(STREAM), reel)

    assert isinstance(carried.trouble, Rejected)
    assert cloud.puts <= 16 * MOST_REJECTED


def test_events_that_are_refused_for_their_age_are_named(reel: Reel) -> None:
    cloud = Cloud(lambda cloud, batch: [event for event in batch if event.line <= 3])

    delivery = _carry_all(cloud, reel, _chunk(1, 10))
    delivery.finish(cloud, Farewell(LogEnd(10, complete=True), Gaps([(8, 8)]), cut=False))

    assert delivery.missing.ranges() == [[1, 3]]
    assert cloud.stored[-1]["end"] == 10
    assert cloud.stored[-1]["gaps"] == [[1, 3], [8, 8]]
    assert "too old" in cloud.stored[-1]["why"]


def test_a_stream_that_was_deleted_is_made_again_and_what_was_in_it_is_missing(reel: Reel) -> None:
    cloud = Cloud()
    delivery = _carry_all(cloud, reel, _chunk(1, 10))
    cloud.delete()
    reel.add(_chunk(11, 5))

    assert _carry(cloud, delivery, reel).trouble is None

    assert cloud.lines == list(range(11, 16))
    assert delivery.missing.ranges() == [[1, 10]]


def test_a_stream_that_is_deleted_before_the_end_is_said_has_an_end_that_tells(reel: Reel) -> None:
    cloud = Cloud()
    delivery = _carry_all(cloud, reel, _chunk(1, 10))
    cloud.delete()

    delivery.finish(cloud, Farewell(LogEnd(10, complete=True), Gaps(), cut=False))

    assert cloud.stored[-1] == {
        "end": 10,
        "gaps": [[1, 10]],
        "why": "the stream was deleted when line 10 had been stored",
    }


def test_a_stream_that_is_gone_as_soon_as_it_is_made_is_a_matter_for_people(reel: Reel) -> None:
    def never_there(cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        raise Missing("no such group")

    reel.add(_chunk(1, 1))

    assert isinstance(_carry(Cloud(never_there), Delivery(STREAM), reel).trouble, Denied)


def test_a_clock_that_was_set_back_puts_no_event_before_one_that_is_stored(reel: Reel) -> None:
    stamps: list[int] = []

    def watch(cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        stamps.extend(event.timestamp for event in batch)
        return ()

    future = time.time_ns() // 1000 + 3_600_000_000
    cloud = Cloud(watch)
    delivery = _carry_all(cloud, reel, _chunk(1, 1, at=future))
    reel.add(_chunk(2, 1))
    _carry(cloud, delivery, reel)
    delivery.finish(cloud, Farewell(LogEnd(2, complete=True), Gaps(), cut=False))

    assert stamps == [future // 1000] * 3


@settings(max_examples=25, deadline=None)
@given(
    chunks=st.lists(st.one_of(st.integers(1, 40), st.integers(1, 12_000)), min_size=1, max_size=8),
    failing=st.sets(st.integers(1, 12), max_size=8),
    lost=st.sets(st.integers(1, 12), max_size=4),
)
def test_whatever_calls_fail_each_line_arrives_in_order_but_for_repetitions(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[int], failing: set[int], lost: set[int]
) -> None:
    """``failing``: calls that do nothing; ``lost``: calls that are carried out and whose answer is lost."""

    def unreliable(cloud: Cloud, batch: Sequence[Event]) -> Sequence[Event]:
        if cloud.puts in lost and cloud.there:
            cloud.stored += [json.loads(event.message) for event in batch]
        if cloud.puts in failing | lost:
            raise Away("cut")
        return ()

    reel = Ring(tmp_path_factory.mktemp("spool"), 64 * 1024 * 1024).reel("0190.1", STREAM)
    cloud = Cloud(unreliable)
    delivery, first = Delivery(STREAM), 1
    for lines in chunks:
        reel.add(_chunk(first, lines))
        first += lines
    for _ in range(40):
        if reel.waiting:
            _carry(cloud, delivery, reel)

    assert not reel.waiting
    assert list(dict.fromkeys(cloud.lines)) == list(range(1, first))
    assert not delivery.missing
    assert len(cloud.lines) <= (first - 1) * (1 + len(failing | lost))


def _chunk(first: int, lines: int, at: int | None = None) -> LogLines:
    at = at or time.time_ns() // 1000
    return LogLines(first, lines, at, "stdout", "".join(f"{first + n}\n" for n in range(lines)))


def _carry(cloud: Cloud, delivery: Delivery, reel: Reel) -> Carried:
    stretch = reel.front()
    assert stretch
    carried = delivery.carry(cloud, stretch)
    reel.read_to(carried.end)
    return carried


def _carry_all(cloud: Cloud, reel: Reel, *chunks: LogLines) -> Delivery:
    delivery = Delivery(STREAM)
    for chunk in chunks:
        reel.add(chunk)
    while reel.waiting:
        assert _carry(cloud, delivery, reel).trouble is None
    return delivery
