"""Members of JSON whose names say that they are secrets, found in the text itself: what is not masked keeps
every digit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nice_protocol.secrecy.names import FRAGMENTS, KEYS, counts_tokens, looks_secret
from nice_protocol.secrecy.shapes import MASK, replaced, shape_spans

LONGEST_NAME = 256
"""Bytes of a member's name that are looked at."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_COLON = re.compile(rb"[ \t\n\r]*:[ \t\n\r]*")
_SCALAR = re.compile(rb"[^\s,\[\]{}\"]+")
_STEPS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_QUOTED_MASK = b'"' + MASK.encode() + b'"'
_LITERALS = frozenset((b"null", b"true", b"false"))


@dataclass(frozen=True, slots=True)
class Member:
    """A secret member of an object: its name, and where its value is in the UTF-8 text."""

    name: str
    start: int
    end: int


def secret_members(data: bytes) -> list[Member]:
    """The outermost secret members in valid JSON, in order. Empty strings, ``null`` and truth values are
    none, nor are numbers of tokens."""
    found: list[Member] = []
    for name, end in _names(data):
        if found and end <= found[-1].end:
            continue
        member = _member(data, name, end) if looks_secret(name) else None
        if member is not None:
            found.append(member)
    return found


def masked_json(text: str) -> str:
    """JSON text with its secret members and values of known shapes masked; still JSON. The same object when
    there are none."""
    if '"' not in text:
        return text
    data = text.encode("utf-8", "surrogatepass")
    members = [(member.start, member.end) for member in secret_members(data)]
    if members:
        data = replaced(data, members, _QUOTED_MASK)
    spans = shape_spans(data)
    if not members and not spans:
        return text
    return replaced(data, spans).decode("utf-8", "surrogatepass")


def _names(data: bytes) -> Iterator[tuple[str, int]]:
    """Names of members that may be secret, in order, and where each ends."""
    end = 0
    for hit in sorted(_hits(data.lower())):
        string = _STRING.match(data, _opening(data, hit)) if hit >= end else None
        if string is not None:
            end = string.end()
            if end - string.start() <= LONGEST_NAME:
                yield _text(string.group()), end


def _hits(lowered: bytes) -> Iterator[int]:
    """Where a name may be a secret's, or has a letter that is escaped."""
    for word in (b"\\u00", *FRAGMENTS, *(KEYS if b"key" in lowered else ())):
        at = lowered.find(word)
        while at >= 0:
            yield at
            at = lowered.find(word, at + 1)


def _opening(data: bytes, inside: int) -> int:
    """The quote that opens the string around ``inside``: the nearest one before it that is not escaped."""
    quote = data.rfind(b'"', 0, inside)
    while quote > 0 and _escaped(data, quote):
        quote = data.rfind(b'"', 0, quote)
    return max(quote, 0)


def _escaped(data: bytes, at: int) -> bool:
    first = at
    while data[first - 1 : first] == b"\\":
        first -= 1
    return (at - first) % 2 == 1


def _text(string: bytes) -> str:
    try:
        return str(json.loads(string))
    except ValueError:
        return ""


def _member(data: bytes, name: str, end: int) -> Member | None:
    colon = _COLON.match(data, end)
    if colon is None:
        return None  # not a name after all, but a value
    start = colon.end()
    stop = _end_of_value(data, start)
    value = data[start:stop]
    number = value[:1] not in (b'"', b"[", b"{")
    if value in _LITERALS or value in (b'""', b"") or (number and counts_tokens(name)):
        return None
    return Member(name, start, stop)


def _end_of_value(data: bytes, start: int) -> int:
    first = data[start : start + 1]
    if first == b'"':
        string = _STRING.match(data, start)
        return len(data) if string is None else string.end()
    if first not in (b"[", b"{"):
        scalar = _SCALAR.match(data, start)
        return start if scalar is None else scalar.end()
    depth = 0
    for step in _STEPS.finditer(data, start):
        depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(step.group(), 0)
        if depth == 0:
            return step.end()
    return len(data)
