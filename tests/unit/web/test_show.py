"""How values look to a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.web.ui.show import duration, memory, pretty_json, zoned

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_indented_json_says_the_same(value: object) -> None:
    text = json.dumps(value)
    assert json.loads(pretty_json(text)) == value
    assert pretty_json(pretty_json(text)) == pretty_json(text)


@pytest.mark.parametrize(
    "number", ["9007199254740993", "1.10", "1E5", "0.1000000000000000055511", "-0", "1" * 400]
)
def test_a_number_keeps_every_digit(number: str) -> None:
    assert pretty_json(number) == number
    assert pretty_json(f'{{"n":{number}}}') == f'{{\n  "n": {number}\n}}'


def test_keys_with_a_meaning_elsewhere_are_keys_here() -> None:
    assert pretty_json('{"__proto__":{},"constructor":[]}') == '{\n  "__proto__": {},\n  "constructor": []\n}'


def test_hidden_characters_become_json_escapes_of_the_same_value() -> None:
    text = json.dumps({"a": "x\u202e\x7f\U000e0041"}, ensure_ascii=False)
    assert json.loads(pretty_json(text)) == json.loads(text)
    assert pretty_json(text).isascii()


def test_deep_json_is_shown_without_recursion() -> None:
    assert len(pretty_json("[" * 20_000 + "]" * 20_000)) < 10_000_000


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0123, "12 ms"),
        (-5, "0 ms"),
        (3.42, "3.4 s"),
        (125, "2 min 5 s"),
        (3780, "1 h 3 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


def test_an_unknown_value_is_a_dash() -> None:
    assert duration(None) == memory(None) == "–"


def test_memory_is_in_binary_units() -> None:
    assert [memory(n) for n in (512, 1536, 300 * 2**20, 5 * 2**40)] == [
        "512 B",
        "1.5 KiB",
        "300 MiB",
        "5.0 TiB",
    ]


def test_a_time_is_in_the_tasks_zone_with_its_name() -> None:
    at = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert zoned(at, "Europe/Berlin") == "2026-07-01 14:00 CEST"
    assert zoned(at, "America/Sao_Paulo") == "2026-07-01 09:00 UTC-03:00"
    assert zoned(at + timedelta(seconds=5)) == "2026-07-01 12:00:05 UTC"
