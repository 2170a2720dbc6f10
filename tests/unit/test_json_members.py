"""The members of a JSON object with the text of each."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.json_members import object_members
from nice_operator.domain.strict_json import parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def test_every_digit_and_escape_stays_as_it_was_written() -> None:
    members = object_members('\n{ "a" :1.10 ,\t"b\\u0041": [ 1e2 ,"}"] , "c":18446744073709551616}\n')

    assert {name: member.text for name, member in members.items()} == {
        "a": "1.10", "bA": '[ 1e2 ,"}"]', "c": "18446744073709551616",
    }  # fmt: skip


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES), st.sampled_from([None, 1]))
def test_the_texts_mean_what_the_values_are(document: dict[str, object], indent: int | None) -> None:
    members = object_members(json.dumps(document, indent=indent))

    assert {name: json.loads(member.text) for name, member in members.items()} == document
    assert {name: member.value for name, member in members.items()} == document


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '"a"', "{", '{"a":1,}', '{"a":1,"a":2}', "{}x"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        object_members(text)


def test_an_empty_object_has_none() -> None:
    assert object_members(" {\n} ") == {}


JSON_LIKE = st.text(alphabet='{}[]",:\\ua1e.-+ntrulfs \n\t\x00é', max_size=24)


@given(JSON_LIKE.map(lambda text: "{" + text + "}") | VALUES.map(json.dumps) | JSON_LIKE)
def test_an_object_is_read_exactly_when_it_is_one_by_the_rules_for_every_json(text: str) -> None:
    try:
        document = parse_json(text)
    except InvalidInput:
        document = None

    try:
        members = object_members(text)
    except InvalidInput:
        assert not isinstance(document, dict)
    else:
        assert isinstance(document, dict)
        assert {name: member.value for name, member in members.items()} == document
