"""Payloads: strict JSON, checked against a task's JSON Schema (draft 2020-12, nothing fetched from anywhere)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from nice_operator.domain import strict_json
from nice_operator.domain.errors import Problem
from nice_operator.domain.pattern import check_pattern, matches
from nice_operator.domain.run import JsonObject, JsonValue
from nice_operator.domain.strict_json import MAX_BYTES, canonical_json, dump_json, parse_json

__all__ = ["MAX_BYTES", "canonical_json", "check_schema", "dump_json", "parse_json", "validate_payload"]

MAX_SCHEMA_BYTES = 64 * 1024
MOST_PROBLEMS = 20
_REFERENCES = ("$ref", "$dynamicRef")


def validate_payload(schema: JsonObject | None, value: JsonValue, *, field: str = "payload") -> list[Problem]:
    """What is wrong with ``value`` by ``schema`` (None: nothing can be); at most 20 findings, best known first.

    ``schema`` must be one that ``check_schema`` passes.
    """
    if schema is None:
        return []
    validator = _validator(canonical_json(schema))
    try:
        errors = list(islice(validator.iter_errors(value), MOST_PROBLEMS))
    except RecursionError:
        return [Problem(field, "is nested too deeply to be checked against payloadSchema; flatten it")]
    return [problem for error in errors for problem in _problems(error, field)]


def check_schema(schema: JsonObject, *, field: str = "payloadSchema") -> list[Problem]:
    """What is wrong with ``schema`` itself: size, form, references, patterns that could take for ever."""
    size = len(dump_json(schema).encode())
    if size > MAX_SCHEMA_BYTES:
        return [
            Problem(field, f"must be at most {MAX_SCHEMA_BYTES} bytes as JSON, found {size}; make it simpler")
        ]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        place = _path(field, error.absolute_path)
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
            for _ in _validator(canonical_json(schema)).iter_errors(probe):
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
        yield ValidationError(f"must match the pattern {pattern}, found {_shown(text)}")


_Validator: Any = validators.extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"uniqueItems": _unique_items, "pattern": _pattern}
)


@lru_cache(maxsize=1024)
def _validator(schema: str) -> Any:
    return _Validator(json.loads(schema), registry=Registry())


def _problems(error: ValidationError, field: str) -> Iterator[Problem]:
    place = _path(field, error.absolute_path)
    given: Any = error.validator_value
    match error.validator:
        case "required":
            missing = next((name for name in given if f"'{name}'" in error.message), "")
            yield Problem(f"{place}.{missing}", "is required; add it")
        case "additionalProperties" if given is False:
            schema: Any = error.schema
            instance: Any = error.instance
            known = schema.get("properties", {})
            for name in islice((n for n in instance if n not in known), MOST_PROBLEMS):
                yield Problem(
                    f"{place}.{name:.80}",
                    f"is not known here; known are {', '.join(known) or 'none'}; remove it",
                )
        case "type":
            words = " or ".join([given] if isinstance(given, str) else given)
            yield Problem(place, f"must be of type {words}, found {_shown(error.instance)}")
        case "enum":
            yield Problem(place, f"must be one of {_shown(given)}, found {_shown(error.instance)}")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            words = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
            }[error.validator]
            yield Problem(place, f"must be {words} {given}, found {_shown(error.instance)}")
        case _:
            yield Problem(place, error.message if len(error.message) <= 300 else f"{error.message[:299]}…")


def _path(field: str, parts: Iterable[str | int]) -> str:
    return field + "".join(f"[{part}]" if isinstance(part, int) else f".{part:.80}" for part in parts)


def _shown(value: JsonValue) -> str:
    text = strict_json.dump_json(value)
    return text if len(text) <= 80 else f"{text[:79]}…"
