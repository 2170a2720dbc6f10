"""Strict JSON, and payloads against their schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.payload import check_schema, dump_json, parse_json, validate_payload

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_again_the_same(value: Any) -> None:
    assert parse_json(dump_json(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("NaN", "NaN", id="nan"),
        pytest.param("[Infinity]", "Infinity", id="infinity"),
        pytest.param("1e999", "too large", id="infinite number"),
        pytest.param('{"a": 1, "a": 2}', "'a' is given twice", id="a name twice"),
        pytest.param(r'"\ud800"', "surrogate", id="escaped lone surrogate"),
        pytest.param('"\ud800"', "surrogate", id="raw lone surrogate"),
        pytest.param(b'"\xff"', "not UTF-8", id="not utf-8"),
        pytest.param("[" * 100_000, "deeper than 256", id="very deep"),
        pytest.param('{"a":' * 257 + "1" + "}" * 257, "deeper than 256", id="just too deep"),
        pytest.param("1" * 5000, "5000 digits", id="very long integer"),
        pytest.param("", "line 1, column 1", id="empty"),
        pytest.param("[1,\n2,]", "line 2", id="trailing comma"),
    ],
)
def test_what_not_every_reader_understands_is_refused_and_placed(text: str | bytes, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(text)

    assert says in str(caught.value)


def test_brackets_within_strings_are_not_depth() -> None:
    assert parse_json(json.dumps("[{" * 1000 + '\\"')) == "[{" * 1000 + '\\"'


def test_depth_and_size_can_be_bounded_further() -> None:
    assert parse_json("[[1]]", max_depth=2) == [[1]]
    with pytest.raises(InvalidInput, match="deeper than 1 "):
        parse_json("[[1]]", max_depth=1)
    with pytest.raises(InvalidInput, match="at most 3 are accepted"):
        parse_json('"é"', max_bytes=3)


def test_large_integers_stay_exact_and_surrogate_pairs_are_welcome() -> None:
    assert parse_json(str(2**200)) == 2**200
    assert parse_json(r'"\ud83d\ude00"') == "😀"


SCHEMA = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z]+$"},
        "size": {"type": "integer", "minimum": 1},
        "tags": {"type": "array", "uniqueItems": True},
    },
}


@pytest.mark.parametrize(
    ("payload", "field", "says"),
    [
        ({}, "payload.name", "is required"),
        ({"name": 1}, "payload.name", "must be of type string, found 1"),
        ({"name": "A"}, "payload.name", "must match"),
        ({"name": "a", "size": 0}, "payload.size", "at least 1, found 0"),
        ({"name": "a", "nmae": 0}, "payload.nmae", "known are name, size, tags"),
        ({"name": "a", "tags": [1, 1.0]}, "payload.tags", "twice"),
        ([], "payload", "must be of type object, found []"),
    ],
)
def test_a_payload_that_does_not_match_is_told_field_and_reason(payload: Any, field: str, says: str) -> None:
    problems = validate_payload(SCHEMA, payload)

    assert [(problem.field, says in problem.message) for problem in problems] == [(field, True)]


def test_true_and_one_are_different_items() -> None:
    assert validate_payload({"uniqueItems": True}, [1, True, "1", [1], {"a": 1}]) == []


def test_many_items_are_compared_in_one_pass() -> None:
    items: list[Any] = [{"n": number} for number in range(50_000)]

    assert validate_payload({"uniqueItems": True}, items) == []


def test_findings_are_bounded() -> None:
    assert len(validate_payload({"items": {"type": "string"}}, [1] * 1000)) == 20


def test_a_payload_deeper_than_can_be_checked_is_a_finding_and_no_crash() -> None:
    schema = {"$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}}}, "$ref": "#/$defs/tree"}
    deep: Any = []
    for _ in range(250):
        deep = [deep]

    assert "nested too deeply" in validate_payload(schema, deep)[0].message


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*", "([a-z]+)*x", "(?:a*){2,}", "(a+){20}", r"(.)\1", "a*" * 9, "x" * 513]
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    assert check_schema({"pattern": pattern})[0].field == "payloadSchema.pattern"


@pytest.mark.parametrize(
    "pattern",
    [r"^[^@ ]+@[^@ ]+\.[a-z]{2,}$", "^(red|green)$", r"^\d{4}-\d{2}-\d{2}$", "^(v)?[0-9]+$", "[(+*]+"],
)
def test_ordinary_patterns_are_welcome(pattern: str) -> None:
    assert check_schema({"pattern": pattern}) == []


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = {
        "properties": {"pattern": {"type": "string"}, "$ref": {"type": "string"}, "enum": {"minimum": 1}}
    }

    assert check_schema(schema) == []
    assert validate_payload(schema, {"pattern": "(a+)+", "$ref": "x"}) == []


@pytest.mark.parametrize(
    ("schema", "value", "words"),
    [
        ({"maxLength": 3}, "abcd", "must have at most 3 characters, found 4"),
        ({"minLength": 3}, "ab", "must have at least 3 characters, found 2"),
        ({"maxItems": 1}, [1, 2], "must have at most 1 items, found 2"),
    ],
)
def test_what_is_too_long_or_too_short_is_told_with_its_bound(
    schema: dict[str, object], value: object, words: str
) -> None:
    (problem,) = validate_payload(schema, value)

    assert problem.message == words
