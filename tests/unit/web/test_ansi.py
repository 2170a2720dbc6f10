"""Terminal output becomes text and names of styles, whatever a run writes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.web.ansi import PLAIN, Style, collapse_returns, open_sequence, parse, strip_escapes

NOISE = st.text(alphabet=st.sampled_from("\x1b[]0123456789;:m?ABCJ\x07\x9b\x9d\\ab \x9c")) | st.text()


def words(text: str) -> list[tuple[str, str]]:
    return [(segment.text, segment.style.classes) for segment in parse(text, PLAIN)[0]]


def test_a_colour_lasts_until_it_is_reset() -> None:
    assert words("a\x1b[31mred\x1b[0m b") == [("a", ""), ("red", "fg1"), (" b", "")]


def test_bright_bold_and_background_are_kept_together() -> None:
    assert words("\x1b[1;4;97;104mx") == [("x", "fg15 bg12 bold underline")]


@pytest.mark.parametrize(
    ("code", "classes"),
    [("38;5;9", "fg9"), ("38;5;196", "fg9"), ("48;2;0;0;0", "bg0"), ("38;5;255", "fg7"), ("38:5:2", "fg2")],
)
def test_other_colours_become_the_nearest_of_sixteen(code: str, classes: str) -> None:
    assert words(f"\x1b[{code}mx") == [("x", classes)]


@pytest.mark.parametrize(
    "escape",
    [
        "\x1b]0;pwn\x07", "\x1b]8;;javascript:alert(1)\x1b\\", "\x1b[2J", "\x1b[1;1H", "\x1b[?1049h",
        "\x1bP1$r0m\x1b\\", "\x1b^secret\x1b\\", "\x9b31;1H", "\x9d0;title\x9c", "\x1bc", "\x1b(B", "\x1b[6n",
        "\x1b]52;c;cHduCg==\x07", "\x1b", "\x1b[",
    ],
)  # fmt: skip
def test_every_other_sequence_is_dropped(escape: str) -> None:
    assert words(f"{escape}") == []
    assert strip_escapes(f"a{escape}") == "a"


def test_an_unterminated_title_does_not_swallow_the_next_line() -> None:
    assert strip_escapes("\x1b]0;never closed\nnext") == "\nnext"


def test_a_million_parameters_cost_no_more_than_the_first_few() -> None:
    segments, style = parse("\x1b[" + "1;" * 1_000_000 + "31mx", PLAIN)
    assert [segment.text for segment in segments] == ["x"]
    assert style == Style(bold=True)


def test_a_huge_parameter_is_no_error() -> None:
    assert words("\x1b[" + "9" * 5000 + "mx") == [("x", "")]
    assert words("\x1b[38;5;" + "9" * 5000 + "mx") == [("x", "")]
    assert words("\x1b[38mx\x1b[38;2my") == [("x", ""), ("y", "fg0")]


@given(NOISE)
def test_no_escape_character_ever_survives(text: str) -> None:
    segments, _ = parse(text, PLAIN)
    shown = "".join(segment.text for segment in segments)
    assert shown == strip_escapes(text)
    assert "\x1b" not in shown
    assert "\x9b" not in shown


@given(st.lists(NOISE, max_size=4))
def test_the_style_goes_on_from_piece_to_piece(pieces: list[str]) -> None:
    style = PLAIN
    for piece in pieces:
        segments, style = parse(piece, style)
        assert all(name.isalnum() for s in segments for name in s.style.classes.split())


def test_a_progress_bar_shows_as_it_ended() -> None:
    assert collapse_returns(" 10 %\r 50 %\r100 %") == "100 %"
    assert collapse_returns("windows line\r") == "windows line"


@pytest.mark.parametrize("introducer", ["\x90", "\x9b", "\x9d", "\x1b]", "\x1b["])
def test_a_line_full_of_beginnings_costs_no_more_than_its_length(introducer: str) -> None:
    hostile = introducer * 32_000 + "\x07"
    began = time.process_time()
    assert open_sequence(hostile) == ""
    assert time.process_time() - began < 1  # the square of the length took ten seconds
