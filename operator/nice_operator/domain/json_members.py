"""The members of a JSON object with the text of each, so that what is only passed on keeps every digit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import JsonValue
from nice_operator.domain.strict_json import DEEPEST, JsonParts, parse_json

_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Member:
    """What a name stands for: the value, and the text that it was written as."""

    value: JsonValue
    text: str


def object_members(text: str, *, max_depth: int = DEEPEST) -> Mapping[str, Member]:
    """The members of the object that ``text`` is. Raises InvalidInput if it is none (see ``parse_json``)."""
    parts = JsonParts(text, max_depth)
    members = _walk(parts)
    if members is None:
        parse_json(text, max_depth=max_depth)  # says what is wrong, and where
        raise InvalidInput("expected a JSON object, found another JSON value; send an object")
    for member in members.values():
        parts.check(member.value)
    return members


def _walk(parts: JsonParts) -> dict[str, Member] | None:
    """Reads the outermost object, each value once; None where something is not as it should be."""
    text, members = parts.text, dict[str, Member]()
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        return None
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return members if _skip(text, at + 1) == len(text) else None
    while text[at : at + 1] == '"':
        name = parts.read(at)
        if name is None or name.value in members:
            return None
        at = _skip(text, name.end)
        if text[at : at + 1] != ":":
            return None
        start = _skip(text, at + 1)
        found = parts.read(start)
        if found is None:
            return None
        parts.check(name.value)
        members[str(name.value)] = Member(found.value, text[start : found.end])
        at = _skip(text, found.end)
        if text[at : at + 1] == "}":
            return members if _skip(text, at + 1) == len(text) else None
        if text[at : at + 1] != ",":
            return None
        at = _skip(text, at + 1)
    return None


def _skip(text: str, at: int) -> int:
    """Past white space."""
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
