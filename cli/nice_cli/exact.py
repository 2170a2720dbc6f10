"""JSON whose numbers keep every digit on their way through this program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class Number(float):
    """A number with a fraction or exponent that remembers how it was written."""

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


def loads(text: str | bytes) -> Any:
    """Raises ValueError when ``text`` is not JSON (NaN and Infinity are not)."""
    return json.loads(text, parse_float=Number, parse_constant=_refuse)


def dumps(value: Any, indent: int | None = None) -> str:
    """JSON text; letters of all languages as they are, hidden characters escaped."""
    return "".join(_write(value, indent, 0))


def _write(value: Any, indent: int | None, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and value:
        pairs = [[_string(str(k)), ": ", *_write(v, indent, depth + 1)] for k, v in value.items()]
        yield from _enclose("{", pairs, "}", indent, depth)
    elif isinstance(value, list) and value:
        yield from _enclose("[", [list(_write(v, indent, depth + 1)) for v in value], "]", indent, depth)
    elif isinstance(value, Number):
        yield value.text
    else:
        yield _string(value) if isinstance(value, str) else json.dumps(value)


def _enclose(
    opening: str, items: list[list[str]], closing: str, indent: int | None, depth: int
) -> Iterator[str]:
    line = "" if indent is None else "\n" + " " * indent * (depth + 1)
    end = "" if indent is None else "\n" + " " * indent * depth
    yield opening
    for position, item in enumerate(items):
        yield ("" if position == 0 else "," if line else ", ") + line
        yield from item
    yield end + closing


def _string(text: str) -> str:
    """Every hidden character as ``\\uXXXX`` (as UTF-16 where it needs two), which JSON readers take back."""
    return "".join(
        c if c.isprintable() else json.dumps(c)[1:-1] for c in json.dumps(text, ensure_ascii=False)
    )


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
