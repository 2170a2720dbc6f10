"""The members of a JSON object with the text of each, so that what is only passed on keeps every digit."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import JsonValue
from nice_operator.domain.strict_json import parse_json

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Member:
    """What a name stands for: the value, and the text that it was written as."""

    value: JsonValue
    text: str


def object_members(text: str) -> Mapping[str, Member]:
    """The members of the object that ``text`` is. Raises InvalidInput if it is none (see ``parse_json``)."""
    document = parse_json(text)
    if not isinstance(document, dict):
        raise InvalidInput("expected a JSON object, found another JSON value; send an object")
    return {name: Member(document[name], raw) for name, raw in _texts(text)}


def _texts(text: str) -> list[tuple[str, str]]:
    """Walks the outermost object; its syntax has been checked."""
    found: list[tuple[str, str]] = []
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        found.append((name, text[start:end]))
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found


def _skip(text: str, at: int) -> int:
    """Past white space."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
