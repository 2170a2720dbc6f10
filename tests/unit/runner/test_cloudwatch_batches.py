"""Batches obey the rules of PutLogEvents, whatever a run writes."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from nice_operator.logs.events import chunks_of, line_of, whole_lines
from nice_protocol.messages import LogLines
from nice_runner.logs.cloudwatch.batches import batches, in_order
from nice_runner.logs.cloudwatch.client import stream_name
from nice_runner.logs.cloudwatch.events import EVENT_OVERHEAD, MAX_EVENT, Event, events_of

DAY = 24 * 60 * 60 * 1000
START = 1_700_000_000_000

sizes = st.one_of(st.integers(27, 300), st.integers(200_000, 262_144))
moments = st.integers(START - 3 * DAY, START + 3 * DAY)
texts = st.one_of(
    st.text(max_size=40).map(lambda text: text.replace("\n", "")),
    st.tuples(st.sampled_from(["a", "é", "\x01", "😀", '"']), st.integers(1, 130_000)).map(
        lambda pair: pair[0] * pair[1]
    ),
)


@given(st.lists(st.tuples(moments, sizes), max_size=60))
def test_a_batch_never_breaks_a_rule_and_no_event_is_lost(made: list[tuple[int, int]]) -> None:
    events = [_event(at, size, number) for number, (at, size) in enumerate(made)]

    found = list(batches(in_order(events)))

    assert [event.line for batch in found for event in batch] == list(range(len(events)))
    for batch in found:
        stamps = [event.timestamp for event in batch]
        assert sum(len(event.message.encode()) + 26 for event in batch) <= 1_048_576
        assert stamps == sorted(stamps)
        assert stamps[-1] - stamps[0] < DAY


@given(st.lists(st.tuples(moments, sizes), max_size=30))
def test_events_out_of_order_are_never_in_one_batch(made: list[tuple[int, int]]) -> None:
    events = [_event(at, size, number) for number, (at, size) in enumerate(made)]

    for batch in batches(events):
        assert batch == sorted(batch, key=lambda event: event.timestamp)


def test_a_batch_has_ten_thousand_events_and_the_next_one_begins() -> None:
    events = [_event(START, 30, number) for number in range(20_001)]

    assert [len(batch) for batch in batches(events)] == [10_000, 10_000, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), st.booleans(), st.booleans())
def test_lines_come_back_as_they_went_and_each_event_is_small_enough(
    lines: list[str], open_ended: bool, with_shown: bool
) -> None:
    text = "\n".join(lines) + ("" if open_ended else "\n")
    if text == "":
        text = "\n"
    count = max(text.count("\n") + (not text.endswith("\n")), 1)
    shown = [f"<{line}>" for line in text.split("\n")[:count]] if with_shown else None
    chunk = LogLines(7, count, START * 1000, "stderr", text, shown)

    events = list(events_of(chunk))
    again = [line_of(event.message) for event in events]
    (back,) = chunks_of(whole_lines([line for line in again if line] * 2))

    assert all(event.size == len(event.message.encode()) + EVENT_OVERHEAD <= MAX_EVENT for event in events)
    assert (back.first, back.lines, back.text, back.stream) == (7, count, text, "stderr")
    assert back.shown == (None if shown is None else tuple(shown))


def test_a_line_whose_last_part_has_not_arrived_is_not_shown_yet() -> None:
    events = list(events_of(LogLines(1, 1, START * 1000, "stdout", "x" * 100_000 + "\n")))

    parts = [line_of(event.message) for event in events[:-1]]

    assert len(events) > 1
    assert list(whole_lines([part for part in parts if part])) == []


def test_what_others_wrote_into_a_stream_is_passed_over() -> None:
    assert [line_of(text) for text in ("hello", "[]", "{}", json.dumps({"n": "x"}))] == [None] * 4


def test_the_name_of_a_stream_has_no_character_that_aws_refuses() -> None:
    assert stream_name("default", "a:b*c", "0190", 2) == "default/a_b_c/0190/2"


def _event(at: int, size: int, number: int) -> Event:
    return Event(at, "x" * (size - EVENT_OVERHEAD), size, number)
