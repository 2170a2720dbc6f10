"""JSON as RFC 8259 says and I-JSON (RFC 7493) narrows it: what one reader accepts, every other does too.

Refused, each with the place: NaN and Infinity, numbers that are infinite as a double, names given twice,
lone surrogates, text that is no UTF-8, nesting and integers beyond any use. Integers stay exact.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NoReturn

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.run import JsonValue

MAX_BYTES = 1024 * 1024
DEEPEST = 256
LONGEST_INTEGER = 1000

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"[{]}", b"\x02\x02\x00\x00")
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[{]}")))
_STEP = (-1, 0, 1)
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes, *, max_depth: int | None = None, max_bytes: int | None = None) -> JsonValue:
    """The value that ``text`` means.

    ``max_depth`` counts nested arrays and objects (None, and at most: 256), ``max_bytes`` the text in UTF-8
    (None: unlimited). Raises InvalidInput that says what is wrong, and where; never anything else.
    """
    data = _encoded(text)
    if max_bytes is not None and len(data) > max_bytes:
        raise InvalidInput(f"the JSON has {len(data)} bytes; at most {max_bytes} are accepted; send less")
    _check_depth(data, DEEPEST if max_depth is None else min(max_depth, DEEPEST))
    decoded = _decoded(data)
    try:
        value = _DECODER.decode(decoded)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}; correct it there"
        ) from None
    if _ESCAPED_SURROGATE.search(decoded):
        _check_surrogates(value)
    return value


@dataclass(frozen=True, slots=True)
class Part:
    """A value inside a text, and where it ends."""

    value: JsonValue
    end: int


class JsonParts:
    """Values inside of ``text``, each read by the same rules. Raises InvalidInput when the whole is no text
    or is nested too deeply."""

    def __init__(self, text: str, max_depth: int) -> None:
        _check_depth(_encoded(text), min(max_depth, DEEPEST))
        self.text = text
        self._halves = _ESCAPED_SURROGATE.search(text) is not None

    def read(self, at: int) -> Part | None:
        """The value that begins at ``at``; None where none does. Raises InvalidInput as ``parse_json`` does
        for what is no syntax error."""
        try:
            value, end = _DECODER.raw_decode(self.text, at)
        except json.JSONDecodeError:
            return None
        return Part(value, end)

    def check(self, value: JsonValue) -> None:
        """Raise InvalidInput when it holds half of a surrogate pair."""
        if self._halves:
            _check_surrogates(value)


def dump_json(value: JsonValue) -> str:
    """``value`` as compact JSON text. Raises InvalidInput for what JSON cannot hold (NaN, say)."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"this value cannot be written as JSON: {error}") from None
    return text


def canonical_json(value: JsonValue) -> str:
    """``value`` as compact JSON text with sorted names: equal values, equal texts."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)


def _encoded(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"not valid JSON: character {error.start + 1} is half of a surrogate pair, "
            "which no text can hold; remove it"
        ) from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"not valid JSON: byte {error.start + 1} is not UTF-8; send it as UTF-8") from None


def _check_depth(data: bytes, deepest: int) -> None:
    """Counts brackets outside of strings before anything recursive looks at the text."""
    if data.count(b"[") + data.count(b"{") <= deepest:
        return
    brackets = _STRING.sub(b"", data).translate(_BRACKETS, _NOT_BRACKETS)
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > deepest:
        raise InvalidInput(f"the JSON is nested deeper than {deepest} levels; flatten it")


def _check_surrogates(value: JsonValue) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            "not valid JSON: a \\u escape is half of a surrogate pair, which no text can hold; "
            "write both halves"
        ) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InvalidInput(f"not valid JSON: the name {twice!r:.80} is given twice in one object; remove one")
    return result


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise InvalidInput(
            f"not valid JSON: the number {text:.40} is too large for a double; write it as a string"
        )
    return value


def _int(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise InvalidInput(
            f"not valid JSON: an integer has {len(text)} digits; at most {LONGEST_INTEGER} are accepted; "
            "write it as a string"
        )
    return int(text)


def _constant(text: str) -> NoReturn:
    raise InvalidInput(f"not valid JSON: {text} is no JSON number; write null or a string")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)
