"""What looks like a secret in JSON and in text, and that masking leaves the rest as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nice_protocol.secrecy.members import masked_json, secret_members
from nice_protocol.secrecy.names import is_plain, looks_secret
from nice_protocol.secrecy.shapes import MASK, without_shapes

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9"


@pytest.mark.parametrize(
    "name",
    ["password", "db_password", "PGPASSWORD", "MYSQL_PWD", "apiKey", "x-api-key", "API_KEY", "token",
     "accessToken", "X-Auth-Token", "client_secret", "Authorization", "privateKey", "AWS_SECRET_ACCESS_KEY",
     "credentials", "set-cookie", "passphrase"],
)  # fmt: skip
def test_such_names_are_those_of_secrets(name: str) -> None:
    assert looks_secret(name)
    assert masked_json(json.dumps({name: "x"})) == json.dumps({name: MASK})


@pytest.mark.parametrize("name", ["tokenizer", "secretName", "keyboard", "key", "author", "passenger", "id"])
def test_such_names_are_not(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("name", "plain"), [("username", True), ("DB_USER", True), ("ca.crt", True), ("tls.key", False)]
)
def test_parts_of_a_secret_that_are_none(name: str, plain: bool) -> None:
    assert is_plain(name) is plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"password": "a\\"b", "n": 1.10}', '{"password": "***", "n": 1.10}'),
        ('{"secret": {"deep": ["x", {}]}, "a": []}', '{"secret": "***", "a": []}'),
        ('{"password": 12345678}', '{"password": "***"}'),
        ('{"maxTokens": 100, "password": null, "token": ""}', None),
        ('{"p\\u0061ssword":"x"}', '{"p\\u0061ssword":"***"}'),
        ('["password", "token: x", {"a": "the \\"password\\": y"}]', None),
        (f'["Bearer {JWT}!"]', '["Bearer ***!"]'),
        ('"AKIAIOSFODNN7EXAMPLE"', '"***"'),
        ('{"big": 12345678901234567890, "f": 1e2}', None),
        ('{"note": "\\\\", "token" : "x"}', '{"note": "\\\\", "token" : "***"}'),
    ],
)  # fmt: skip
def test_members_and_shapes_are_masked_in_the_text_itself(text: str, shown: str | None) -> None:
    assert masked_json(text) == (text if shown is None else shown)


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just('\\"password\\":"x')
NAMES = st.sampled_from(["a", "token", "password", "max_tokens", "é", 'pass"word', "pass\\word", "Secret"])
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4)
)


def by_hand(value: Any) -> Any:
    """The same over values instead of text."""
    if isinstance(value, list):
        return [by_hand(part) for part in value]
    if not isinstance(value, dict):
        return value
    return {name: MASK if _hidden(name, part) else by_hand(part) for name, part in value.items()}


def _hidden(name: str, part: Any) -> bool:
    harmless = part is None or isinstance(part, bool) or part == "" or part == "\ud800"
    counted = isinstance(part, int) and name in ("token", "max_tokens")
    return looks_secret(name) and not harmless and not counted


@given(value=DOCUMENTS, plain=st.booleans(), indent=st.sampled_from([None, 2]))
def test_the_text_means_what_masking_the_values_would(value: Any, plain: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=plain, indent=indent)
    assert json.loads(masked_json(text)) == by_hand(value)


@given(st.text('"\\{}[]:,password ', max_size=60))
def test_what_is_no_json_does_no_harm(text: str) -> None:
    masked_json(text)
    secret_members(text.encode())


@pytest.mark.parametrize(
    "secret",
    [JWT, "ghp_" + "a" * 36, "github_pat_" + "a" * 30, "glpat-" + "a" * 20, "xoxb-" + "1" * 12],
)  # fmt: skip
def test_values_of_known_shapes_are_masked_in_text(secret: str) -> None:
    assert without_shapes(f"refused: {secret} (403)") == "refused: *** (403)"


def test_text_without_them_is_the_same_object() -> None:
    text = "nothing here: eyJ, AKIA, -----BEGIN CERTIFICATE-----"
    assert without_shapes(text) is text
