"""What would hide or reorder text is shown by its number."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.web.text import one_line, visible


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("user\u202egnp.exe", "user\\u202egnp.exe"), ("a\u200bb", "a\\u200bb"), ("\ufeffx", "\\ufeffx"),
        ("nul\x00", "nul\\x00"), ("\x1b[31m", "\\x1b[31m"), ("\u2066hidden\u2069", "\\u2066hidden\\u2069"),
        ("\U000e0041", "\\U000e0041"), ("a\ud800b", "a\\ud800b"), ("line\u2028break", "line\\u2028break"),
    ],
)  # fmt: skip
def test_hidden_characters_are_written_out(raw: str, shown: str) -> None:
    assert visible(raw) == shown


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    text = "Grüße, 日本語, עברית, emoji 🎉, tab\tand\nlines"
    assert visible(text) == text


@given(st.text())
def test_nothing_that_turns_text_around_or_controls_survives(text: str) -> None:
    left = {unicodedata.category(c) for c in visible(text) if c not in "\t\n"}
    assert "Cc" not in left
    assert not {unicodedata.bidirectional(c) for c in visible(text)} & {
        "RLO",
        "LRO",
        "RLE",
        "LRE",
        "RLI",
        "LRI",
    }


def test_one_line_is_one_line_and_says_that_it_was_cut() -> None:
    assert one_line("a\n  b\tc", 20) == "a b c"
    assert one_line("abcdefghij", 5) == "abcd…"
