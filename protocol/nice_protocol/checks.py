"""Checks made from the annotations of the message classes: one function per class, built once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import get_annotations
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from nice_protocol.errors import Code, ProtocolError
from nice_protocol.limits import COUNT, UUID_TEXT, Limit, limit_of

Check = Callable[[Any, str], Any]
"""Takes a JSON value and the path that names it; returns what the message gets, or raises ProtocolError."""

N = TypeVar("N", int, float)
S = TypeVar("S", str, list[Any], dict[str, Any])

_KINDS = {dict: "an object", list: "an array", str: "a text", int: "an integer", float: "a number"}


def checker_of(kind: type[Any]) -> Check:
    """The check that turns a JSON object into an instance of a message class."""
    hints = get_type_hints(kind)
    parts = [(f.name, _required(f), _check(kind, f.name, hints[f.name])) for f in fields(kind)]

    def check(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        found = {}
        for name, required, part in parts:
            if name in value:
                found[name] = part(value[name], f"{path}.{name}")
            elif required:
                raise _error(Code.MISSING_FIELD, path, f"the field {name} is missing")
        return kind(**found)

    return check


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _check(owner: type[Any], name: str, hint: Any) -> Check:
    home = _declared_in(owner, name)
    limits = (limit_of(home, name), limit_of(home, f"{name}[]"))
    if isinstance(hint, UnionType):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return _optional(_plain_check(inner, *limits))
    return _plain_check(hint, *limits)


def _declared_in(owner: type[Any], name: str) -> str:
    """The class that declares a field: an inherited one has the bounds of its origin."""
    bases = reversed(owner.__mro__)
    return next(base.__name__ for base in bases if name in get_annotations(base))


def _plain_check(hint: Any, limit: Limit, item: Limit) -> Check:
    if is_dataclass(hint) and isinstance(hint, type):
        return checker_of(hint)
    origin = get_origin(hint)
    if origin is list:
        return _list(_plain_check(get_args(hint)[0], item, COUNT), limit)
    if origin is dict:
        return _dict(get_args(hint)[1], limit, item)
    scalars: dict[Any, Check] = {bool: _bool, int: _int(limit), float: _float(limit), str: _str(limit)}
    return scalars[hint]


def _optional(check: Check) -> Check:
    return lambda value, path: None if value is None else check(value, path)


def _bool(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, "true or false", value)
    return value


def _int(limit: Limit) -> Check:
    def check(value: Any, path: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong(path, "an integer", value)
        return _within(value, limit, path)

    return check


def _float(limit: Limit) -> Check:
    def check(value: Any, path: str) -> float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong(path, "a number", value)
        if not math.isfinite(value):
            raise _error(Code.OUT_OF_RANGE, path, "expected a finite number")
        return float(_within(value, limit, path))

    return check


def _within(value: N, limit: Limit, path: str) -> N:
    if limit.low <= value <= limit.high:
        return value
    raise _error(Code.OUT_OF_RANGE, path, f"expected {limit.low} to {limit.high}, found {str(value)[:40]}")


def _str(limit: Limit) -> Check:
    def check(value: Any, path: str) -> str:
        if not isinstance(value, str):
            raise _wrong(path, "a text", value)
        if limit.words and value not in limit.words:
            raise _error(Code.OUT_OF_RANGE, path, f"expected one of {', '.join(sorted(limit.words))}")
        if limit.uuid and not UUID_TEXT.fullmatch(value):
            raise _error(Code.OUT_OF_RANGE, path, "expected a UUID in lower-case text")
        return _length(_well_formed(value, path), limit, path)

    return check


def _well_formed(value: str, path: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _error(Code.OUT_OF_RANGE, path, "the text holds half a surrogate pair") from None
    return value


def _list(item: Check, limit: Limit) -> Check:
    def check(value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(path, "an array", value)
        return [item(part, f"{path}[{i}]") for i, part in enumerate(_length(value, limit, path))]

    return check


def _dict(hint: Any, limit: Limit, of_items: Limit) -> Check:
    item = _anything if hint is Any else _plain_check(hint, of_items, COUNT)

    def check(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        return {key: item(part, f"{path}.{key}") for key, part in _length(value, limit, path).items()}

    return check


def _anything(value: Any, path: str) -> Any:
    return value


def _length(value: S, limit: Limit, path: str) -> S:
    if limit.low <= len(value) <= limit.high:
        return value
    raise _error(
        Code.OUT_OF_RANGE, path, f"expected a length of {limit.low} to {limit.high}, found {len(value)}"
    )


def _wrong(path: str, expected: str, value: Any) -> ProtocolError:
    found = "null" if value is None else _KINDS.get(type(value), "true or false")
    return _error(Code.WRONG_TYPE, path, f"expected {expected}, found {found}")


def _error(code: Code, path: str, text: str) -> ProtocolError:
    return ProtocolError(code, f"{path}: {text}", about=path.partition(".")[0])
