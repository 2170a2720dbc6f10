"""The small pure parts: text for terminals, exact JSON, event streams, moments and durations."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_cli import exact, sse, times
from nice_cli.called import called_as
from nice_cli.text import terminal_log, visible

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m\n", "\x1b[1;31mred\x1b[0m\n"),
        ("\x1b[2J\x1b[Hgone\n", "gone\n"),
        ("\x1b]0;title\x07text\n", "text\n"),
        ("\x1b]52;c;aGk=\x1b\\text\n", "text\n"),
        ("\x1b]never ended\nnext\n", "\nnext\n"),
        ("\x1bPq#0\x1b\\text", "text"),
        ("\x1bc\x1b(0text", "text"),
        ("10 %\r20 %\tdone\n", "10 %\r20 %\tdone\n"),
        ("\x00\x07\x9b2J\u202e", "\\u0000\\u0007\\u009b2J\\u202e"),
    ],
)
def test_a_terminal_gets_the_colours_of_a_log_and_nothing_else_of_it(log: str, shown: str) -> None:
    assert terminal_log(log) == shown


@given(st.text())
def test_nothing_hidden_is_left_of_text_from_elsewhere(text: str) -> None:
    assert not {unicodedata.category(c) for c in visible(text)} & {"Cc", "Cf", "Zl", "Zp", "Cs"}


@given(JSON, st.sampled_from([None, 2]))
def test_json_means_the_same_after_it_went_through(value: object, indent: int | None) -> None:
    written = exact.dumps(exact.loads(json.dumps(value)), indent)
    assert json.loads(written) == value
    assert written.isprintable() or indent


@pytest.mark.parametrize(
    "text", ["1.10", "1e400", "-0.0", "123456789012345678901234567890", "0.1000000000000000055"]
)
def test_numbers_keep_every_digit(text: str) -> None:
    assert exact.dumps(exact.loads(text)) == text


def test_json_is_laid_out_as_people_expect() -> None:
    value = {"a": [1, {}], "b": [], "c": "ü\u202e"}
    assert exact.dumps(value) == '{"a": [1, {}], "b": [], "c": "ü\\u202e"}'
    assert exact.dumps({"a": [1]}, 2) == '{\n  "a": [\n    1\n  ]\n}'


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "{", ""])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        exact.loads(text)


def test_an_event_stream_is_read_with_its_comments_ids_and_many_lines() -> None:
    lines = (
        b": hello\nretry: 5\n\nid: 7\nevent: log\ndata: 1\ndata:2\r\n\ndata: x\n\nevent: none\n\ndata: cut"
    )
    found = list(sse.events(lines.splitlines(keepends=True), "3"))
    assert found == [sse.Event("log", "1\n2", "7"), sse.Event("message", "x", "7")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.0, "0ms"), (0.35, "350ms"), (4.21, "4.2s"), (10, "10s"), (200, "3m20s"), (7200, "2h"),
     (90061, "1d1h")],
)  # fmt: skip
def test_durations_fit_into_a_column(seconds: float | None, text: str) -> None:
    assert times.span(seconds) == text


@pytest.mark.parametrize(
    ("away", "text"),
    [(timedelta(seconds=-90), "1m30s ago"), (timedelta(seconds=-3), "3s ago"), (timedelta(hours=2), "in 2h")],
)
def test_moments_are_told_from_now(away: timedelta, text: str) -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    assert times.age((now + away).isoformat(), now) == text


@pytest.mark.parametrize(
    ("path", "name"),
    [("/usr/bin/nicectl", "nicectl"), ("/x/__main__.py", "nicectl"), ("kubectl-nice", "kubectl nice"),
     ("/x/kubectl-nice_tasks", "kubectl nice-tasks")],
)  # fmt: skip
def test_the_program_calls_itself_as_it_was_called(path: str, name: str) -> None:
    assert called_as(path) == name
