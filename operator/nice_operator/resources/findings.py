"""From pydantic's findings to problems that people understand: field, expected, found, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nice_operator.domain.errors import Problem
from nice_operator.resources.shapes import shown

_KINDS = {
    "string_type": 'a text; put it in quotes ("…") if it is meant as one',
    "int_type": "a whole number without quotes",
    "float_type": "a number without quotes",
    "bool_type": "true or false, without quotes",
    "list_type": "a list; begin each item with a dash",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
}


def problems_of(
    error: ValidationError, model: type[BaseModel], prefix: str, kind: str
) -> tuple[Problem, ...]:
    """Every finding of ``error`` about ``model``, whose fields are called ``prefix``.…, in a ``kind``."""
    return tuple(_problem(detail, model, prefix, kind) for detail in error.errors(include_url=False))


def path_of(prefix: str, parts: Iterable[str | int]) -> str:
    """``spec.env[0].name``"""
    return prefix + "".join(f"[{part}]" if isinstance(part, int) else f".{_plain(part)}" for part in parts)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known."""
    names = sorted(known)
    lowered = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name[:100].lower(), lowered, n=1, cutoff=0.6)
    if close:
        return f"did you mean {lowered[close[0]]}?"
    return f"remove it; known are {', '.join(names)}" if names else "remove it; nothing can be given here"


def _problem(detail: ErrorDetails, model: type[BaseModel], prefix: str, kind: str) -> Problem:
    # A mapping's key is reported as (…, key, "[key]"); unions and models of ours add nothing to the place.
    place = tuple(part for part in detail["loc"] if part != "[key]")
    if detail["type"] == "extra_forbidden":
        known = _names(model).get(_names_only(place[:-1]), ())
        return Problem(
            path_of(prefix, place), f"is not a field of a {kind}; {did_you_mean(str(place[-1]), known)}"
        )
    return Problem(path_of(prefix, place), _message(detail))


def _message(detail: ErrorDetails) -> str:
    kind, found, context = detail["type"], detail.get("input"), detail.get("ctx", {})
    if kind == "nice":
        return str(context["message"])
    if kind == "missing":
        return "is required; add it"
    if kind == "enum":
        allowed = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return f"must be one of {allowed}, found {shown(found)}{_closest(found, allowed)}"
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, found {_described(found)}"
    bound = _BOUNDS.get(kind)
    return bound(context, found) if bound else f"is not acceptable, found {shown(found)} ({detail['msg']})"


def _closest(found: object, allowed: str) -> str:
    close = difflib.get_close_matches(str(found).lower(), [word.lower() for word in allowed.split(", ")], 1)
    return f"; did you mean {next(w for w in allowed.split(', ') if w.lower() == close[0])}?" if close else ""


_Words = Callable[[Mapping[str, Any], Any], str]
_BOUNDS: dict[str, _Words] = {
    "greater_than_equal": lambda c, v: f"must be at least {_number(c['ge'])}, found {shown(v)}; raise it",
    "less_than_equal": lambda c, v: f"must be at most {_number(c['le'])}, found {shown(v)}; lower it",
    "string_too_short": lambda c, v: "must not be empty; give it a value or remove the line",
    "string_too_long": lambda c, v: (
        f"must have at most {c['max_length']} characters, found {len(v)}; shorten it"
    ),
    "too_short": lambda c, v: (
        f"must have at least {c['min_length']} item, found none; add one or remove the field"
    ),
    "too_long": lambda c, v: f"must have at most {c['max_length']} items, found {len(v)}; remove some",
    "finite_number": lambda c, v: "must be a finite number; write one with digits",
    "invalid_key": lambda c, v: f"must have texts as names, found {shown(v)}; put it in quotes",
    "string_unicode": lambda c, v: "must be valid Unicode; type it anew",
}


def _described(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {shown(value)}"
    return shown(value)


def _number(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)


def _plain(name: object) -> str:
    text = str(name)
    return text if text.isascii() and text.isprintable() and len(text) <= 100 else shown(text)


def _names_only(place: tuple[str | int, ...]) -> tuple[str, ...]:
    return tuple(part for part in place if isinstance(part, str))


@cache
def _names(model: type[BaseModel]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The field names of ``model`` and of every model in it, by place."""
    found: dict[tuple[str, ...], tuple[str, ...]] = {
        (): tuple(field.alias or name for name, field in model.model_fields.items())
    }
    for name, field in model.model_fields.items():
        for inner in _models_in(field.annotation):
            found |= {(field.alias or name, *place): names for place, names in _names(inner).items()}
    return found


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]
