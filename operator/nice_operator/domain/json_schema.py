"""JSON Schema (draft 2020-12) made safe for a server: nothing is fetched, nothing takes for ever."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from nice_operator.domain.errors import Problem
from nice_operator.domain.pattern import check_pattern, matches
from nice_operator.domain.run import JsonObject, JsonValue
from nice_operator.domain.strict_json import canonical_json, dump_json

MAX_SCHEMA_BYTES = 64 * 1024
_REFERENCES = ("$ref", "$dynamicRef")


def validator_of(schema: JsonObject) -> Any:
    """A validator (of the jsonschema library) for ``schema``, kept for the next time."""
    return _validator(canonical_json(schema))


def check_schema(schema: JsonObject, *, field: str = "payloadSchema") -> list[Problem]:
    """What is wrong with ``schema`` itself: size, form, references, patterns."""
    size = len(dump_json(schema).encode())
    if size > MAX_SCHEMA_BYTES:
        return [
            Problem(field, f"must be at most {MAX_SCHEMA_BYTES} bytes as JSON, found {size}; make it simpler")
        ]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = path_of(field, error.absolute_path)
        return [
            Problem(place, f"must be valid JSON Schema (draft 2020-12): {error.message:.300}; correct it")
        ]
    except RecursionError:
        return [Problem(field, "is nested too deeply; make it simpler")]
    problems = [*_reference_problems(schema, field), *_pattern_problems(schema, field)]
    return problems or _endless(schema, field)


def _endless(schema: JsonObject, field: str) -> list[Problem]:
    """A schema that refers to itself before it looks at anything never comes to an end."""
    probes: tuple[JsonValue, ...] = (None, {}, [])
    for probe in probes:
        try:
            for _ in validator_of(schema).iter_errors(probe):
                pass
        except RecursionError:
            return [Problem(field, "refers to itself without end; let each reference go one level deeper")]
    return []


def _reference_problems(schema: JsonObject, field: str) -> Iterator[Problem]:
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for place, part in _parts(schema, field):
        for keyword in _REFERENCES:
            target = part.get(keyword)
            if not isinstance(target, str):
                continue
            if not target.startswith("#"):
                yield Problem(
                    f"{place}.{keyword}",
                    f"must begin with #, found {target!r:.80}; copy what it means into $defs",
                )
                continue
            try:
                resolver.lookup(target)
            except Unresolvable:
                yield Problem(
                    f"{place}.{keyword}", f"{target!r:.80} is not in this schema; define it in $defs"
                )


def _pattern_problems(schema: JsonObject, field: str) -> Iterator[Problem]:
    for place, part in _parts(schema, field):
        found = [(f"{place}.pattern", part.get("pattern"))]
        properties = part.get("patternProperties")
        if isinstance(properties, dict):
            found += [(f"{place}.patternProperties", pattern) for pattern in properties]
        for where, pattern in found:
            if isinstance(pattern, str) and (complaint := check_pattern(pattern)):
                yield Problem(where, complaint)


def _parts(node: JsonValue, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a schema with its path."""
    waiting: list[tuple[str, JsonValue]] = [(place, node)]
    while waiting:
        where, part = waiting.pop()
        if isinstance(part, dict):
            yield where, part
            waiting += [(f"{where}.{name}", inner) for name, inner in part.items()]
        elif isinstance(part, list):
            waiting += [(f"{where}[{index}]", inner) for index, inner in enumerate(part)]


def _unique_items(validator: Any, wanted: bool, items: Any, schema: Any) -> Iterator[ValidationError]:
    """The library compares each with each; this is one pass."""
    if not wanted or not isinstance(items, list):
        return
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        first = seen.setdefault(canonical_json(_same_numbers(item)), index)
        if first != index:
            yield ValidationError(f"has the same item twice, at {first} and {index}; remove one")
            return


def _same_numbers(value: JsonValue) -> JsonValue:
    """1.0 is 1 in JSON Schema."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_same_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _same_numbers(item) for name, item in value.items()}
    return value


def _pattern(validator: Any, pattern: str, text: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(text, str) and not matches(pattern, text):
        yield ValidationError(f"must match the pattern {pattern}, found {shown(text)}")


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"uniqueItems": _unique_items, "pattern": _pattern}
)


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    return _Validator(json.loads(schema), registry=Registry())


def path_of(field: str, parts: Iterable[str | int]) -> str:
    """``payload.items[0].name``"""
    return field + "".join(f"[{part}]" if isinstance(part, int) else f".{part:.80}" for part in parts)


def shown(value: JsonValue) -> str:
    """``value`` as JSON, short enough for a message."""
    text = dump_json(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
