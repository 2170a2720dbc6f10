"""Chunks of a log become numbered lines."""

from __future__ import annotations

from datetime import UTC, datetime

from nice_operator.ports import LogChunk
from nice_operator.web.loglines import Styler, formatted, lines_of

AT = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)


def chunk(first: int, text: str, stream: str = "stdout") -> LogChunk:
    return LogChunk(first, text.count("\n") + (not text.endswith("\n")), AT, stream, text)


def test_lines_are_numbered_from_the_chunks_first() -> None:
    assert [(line.number, line.text) for line in lines_of(chunk(7, "a\n\nb\n"))] == [
        (7, "a"),
        (8, ""),
        (9, "b"),
    ]


def test_lines_already_seen_are_left_out() -> None:
    assert [line.number for line in lines_of(chunk(7, "a\nb\nc\n"), after=8)] == [9]


def test_a_line_that_was_too_long_says_that_it_goes_on() -> None:
    assert [line.cut for line in lines_of(chunk(1, "a\nbbbb"))] == [False, True]


def test_the_formatted_log_has_times_and_streams_and_no_escapes() -> None:
    chunks = [chunk(1, "10 %\r\x1b[32m100 %\x1b[0m\n"), chunk(2, "oh\u202e no\x00\n", "stderr")]
    assert "".join(formatted(chunks)) == (
        "2026-11-23T18:00:00.123Z stdout 100 %\n2026-11-23T18:00:00.123Z stderr oh\\u202e no\\x00\n"
    )


def test_a_sequence_cut_in_two_by_a_long_line_is_still_no_text() -> None:
    parts = [chunk(1, "a\x1b[1;1;1"), chunk(2, "1;1;1"), chunk(3, "1;31mb\n"), chunk(4, "1;1m stays text\n")]
    styler = Styler()
    styled = [styler.style(line) for part in parts for line in lines_of(part)]
    assert ["".join(s.text for s in line.segments) for line in styled] == ["a", "", "b", "1;1m stays text"]
    assert [line.split("stdout ")[1] for line in formatted(parts)] == [
        "a\n",
        "\n",
        "b\n",
        "1;1m stays text\n",
    ]


def test_the_colour_of_one_stream_does_not_leak_into_the_other() -> None:
    styler = Styler()
    out, err = chunk(1, "\x1b[31mred\nstill\n"), chunk(3, "plain\n", "stderr")
    styled = [styler.style(line) for part in (out, err) for line in lines_of(part)]
    assert [line.segments[0].style.classes for line in styled] == ["fg1", "fg1", ""]
