"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.timeout import format_duration, parse_duration

GOOD = {
    "2 seconds": timedelta(seconds=2),
    "20 minutes": timedelta(minutes=20),
    "1h30m": timedelta(hours=1, minutes=30),
    "3 minutes 30 second": timedelta(minutes=3, seconds=30),
    "1.5 hours": timedelta(minutes=90),
    "0.5s": timedelta(milliseconds=500),
    "250ms": timedelta(milliseconds=250),
    "1 hour and 30 minutes": timedelta(minutes=90),
    "1 hour, 30 minutes": timedelta(minutes=90),
    "  2 H ": timedelta(hours=2),
    "1 week": timedelta(days=7),
    "366 days": timedelta(days=366),
    1: timedelta(milliseconds=1),
    90_000: timedelta(seconds=90),
}
BAD = [
    *("", " ", "abc", "minutes", "-1 second", "1 second ago", "1e3 s", "NaN", "inf seconds", "1,5 hours"),
    *("1 month", "2 years", "1h 2h", "30m 1h", "1h,", "1h and", "1 h\n", "1\u00a0h", "٣ minutes", "1h\x00"),
    *("30", "0 seconds", "0.0000001 s", "1.00005 s", "367 days", "999999999999999 weeks", "1" * 5000 + "s"),
    *(0, -1, 2**63, 10**400, 10**1_100_000, True, 1.5, None, float("nan"), b"1s", [1]),
]


@pytest.mark.parametrize(("text", "length"), GOOD.items())
def test_a_duration_means_what_it_says(text: object, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    "value",
    BAD,
    ids=lambda value: (
        ascii(value)[:20] if not isinstance(value, int) else f"about {float(min(value, 10**99)):g}"
    ),
)
def test_a_duration_that_is_not_plain_is_refused_with_words(value: object) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_duration(value)
    assert "duration" in str(refusal.value)
    assert len(str(refusal.value)) < 400


def test_a_number_in_quotes_without_a_unit_is_told_both_remedies() -> None:
    with pytest.raises(InvalidInput, match=r"30 seconds.*milliseconds"):
        parse_duration("30")


def test_bounds_of_the_caller_hold_and_are_named() -> None:
    with pytest.raises(InvalidInput, match="from 1 second to 1 hour"):
        parse_duration("2 hours", shortest=timedelta(seconds=1), longest=timedelta(hours=1))


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(minutes=90), "1 hour 30 minutes"),
        (timedelta(days=10, seconds=1), "10 days 1 second"),
        (timedelta(milliseconds=1500), "1 second 500 milliseconds"),
        (timedelta(), "0 seconds"),
        (timedelta(seconds=-2), "-2 seconds"),
    ],
)
def test_a_duration_is_told_in_words(length: timedelta, words: str) -> None:
    assert format_duration(length) == words


@given(st.integers(min_value=1, max_value=366 * 86_400_000))
def test_words_of_a_duration_read_back_as_the_same_duration(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(length)) == length


@given(
    st.text() | st.integers() | st.from_regex(r"[0-9.]{1,6} ?[a-z]{1,7}[ ,]?[0-9]{0,4} ?m?", fullmatch=True)
)
def test_any_input_gives_a_bounded_duration_or_a_refusal(value: object) -> None:
    try:
        length = parse_duration(value)
    except InvalidInput:
        return
    assert timedelta(milliseconds=1) <= length <= timedelta(days=366)
