"""Payloads: strict JSON, checked against a task's JSON Schema; the doors' one place to go to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from jsonschema import ValidationError

from nice_operator.domain.errors import Problem
from nice_operator.domain.json_schema import check_schema, path_of, shown, validator_of
from nice_operator.domain.run import JsonObject, JsonValue
from nice_operator.domain.strict_json import MAX_BYTES, canonical_json, dump_json, parse_json
from nice_protocol.secrecy.names import looks_secret
from nice_protocol.secrecy.shapes import MASK

__all__ = ["MAX_BYTES", "canonical_json", "check_schema", "dump_json", "parse_json", "validate_payload"]

MOST_PROBLEMS = 20


def validate_payload(schema: JsonObject | None, value: JsonValue, *, field: str = "payload") -> list[Problem]:
    """What is wrong with ``value`` by ``schema`` (None: nothing can be); at most 20 findings.

    ``schema`` must be one that ``check_schema`` passes.
    """
    if schema is None:
        return []
    validator = validator_of(schema)
    try:
        errors = list(islice(validator.iter_errors(value), MOST_PROBLEMS))
    except RecursionError:
        return [Problem(field, "is nested too deeply to be checked against payloadSchema; flatten it")]
    return [problem for error in errors for problem in _problems(error, field)]


def _problems(error: ValidationError, field: str) -> Iterator[Problem]:
    place = path_of(field, error.absolute_path)
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
            yield Problem(place, f"must be of type {words}, found {_found(error)}")
        case "enum":
            yield Problem(place, f"must be one of {shown(given)}, found {_found(error)}")
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            words = {
                "minimum": "at least",
                "maximum": "at most",
                "exclusiveMinimum": "more than",
                "exclusiveMaximum": "less than",
            }[error.validator]
            yield Problem(place, f"must be {words} {given}, found {_found(error)}")
        case "maxLength" | "minLength" | "maxItems" | "minItems":
            unit = "characters" if error.validator.endswith("Length") else "items"
            words = "at most" if error.validator.startswith("max") else "at least"
            counted: Any = error.instance
            yield Problem(place, f"must have {words} {given} {unit}, found {len(counted)}")
        case _ if _is_secret(error):
            yield Problem(place, f"does not match {error.validator} of the schema; correct it")
        case _:
            yield Problem(place, error.message if len(error.message) <= 300 else f"{error.message[:299]}…")


def _found(error: ValidationError) -> str:
    """The value, unless it looks secret: refusals of a schedule's payload end up in logs and Events."""
    return MASK if _is_secret(error) else shown(error.instance)


def _is_secret(error: ValidationError) -> bool:
    return any(isinstance(part, str) and looks_secret(part) for part in error.absolute_path)
