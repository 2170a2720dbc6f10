"""Each schema and its Python twin say the same: fields, required, enums, bounds, defaults, patterns."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from nice_operator.resources import patterns
from nice_operator.resources.model import NiceTaskSpec
from nice_operator.resources.pool_model import NiceWorkerPoolSpec

CRDS = Path(__file__).parents[3] / "crds"

BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "enum")


def _places(schema: dict[str, Any], place: str = "spec") -> dict[str, dict[str, Any]]:
    found = {place: schema}
    for name, inner in schema.get("properties", {}).items():
        found |= _places(inner, f"{place}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict) and schema[word]:
            found |= _places(schema[word], f"{place}[]")
    return found


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """References followed, and "or null" (which only means: may be left out) taken away."""
    if "$ref" in schema:
        target = _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return target | {key: value for key, value in schema.items() if key == "default"}
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        inner = _resolved(choices[0], definitions)
        return inner | {key: value for key, value in schema.items() if key in (*BOUNDS, "default")}
    plain = {key: value for key, value in schema.items() if key not in ("properties", "items")}
    if schema.get("type") == "object" and schema.get("additionalProperties") is True:
        plain.pop("additionalProperties")
    if isinstance(plain.get("additionalProperties"), dict):
        plain["additionalProperties"] = _resolved(plain["additionalProperties"], definitions)
    if "properties" in schema:
        inside = schema["properties"].items()
        plain["properties"] = {name: _resolved(inner, definitions) for name, inner in inside}
    if "items" in schema:
        plain["items"] = _resolved(schema["items"], definitions)
    return plain


@dataclass(frozen=True)
class Twins:
    """A resource twice: ``crd`` as Kubernetes reads it, ``model`` as Python does. ``smallest`` is a spec with
    nothing but what must be there; ``patterns`` are those of the model."""

    file: str
    model: type[BaseModel]
    smallest: dict[str, Any]
    patterns: tuple[str, ...]

    @property
    def crd(self) -> dict[str, Any]:
        read: dict[str, Any] = yaml.safe_load((CRDS / self.file).read_text())
        return read

    @property
    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = self.crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        return found

    @property
    def theirs(self) -> dict[str, dict[str, Any]]:
        return _places(self.schema["spec"])

    @property
    def ours(self) -> dict[str, dict[str, Any]]:
        twin = self.model.model_json_schema(by_alias=True)
        return _places(_resolved(twin, twin.get("$defs", {})))


TASK = Twins("nicetasks.yaml", NiceTaskSpec, {"timeoutAfter": 1, "run": {"external": {}}}, patterns.ALL)
POOL = Twins("niceworkerpools.yaml", NiceWorkerPoolSpec, {}, patterns.OF_POOLS)

both = pytest.mark.parametrize("twins", [TASK, POOL], ids=lambda twins: twins.file)


@both
def test_both_know_the_same_fields(twins: Twins) -> None:
    assert set(twins.ours) == set(twins.theirs)


@both
def test_both_require_the_same_fields(twins: Twins) -> None:
    assert {p: sorted(s.get("required", ())) for p, s in twins.ours.items()} == {
        p: sorted(s.get("required", ())) for p, s in twins.theirs.items()
    }


@both
def test_both_draw_the_same_bounds(twins: Twins) -> None:
    # Of a timeout the model checks type, length and bounds itself, as the schema's rule does.
    assert {p: _bounds(s) for p, s in twins.ours.items() if p != "spec.timeoutAfter"} == {
        p: _bounds(s) for p, s in twins.theirs.items() if p != "spec.timeoutAfter"
    }


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    found = {word: schema[word] for word in BOUNDS if word in schema}
    if "maxProperties" not in found and schema.get("type") == "object":
        found.pop("maxItems", None)
    return found


@both
def test_both_have_the_same_defaults(twins: Twins) -> None:
    bare = twins.model.model_validate(twins.smallest)
    ours = json.loads(bare.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=False))
    for name in twins.smallest:
        del ours[name]
    ours.get("retry", {}).pop("rules", None)  # an empty list is no default

    assert ours == _defaults(twins.schema["spec"])


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _defaults(inner) if inner["default"] == {} else inner["default"]
        for name, inner in schema.get("properties", {}).items()
        if "default" in inner
    }


@both
def test_each_pattern_of_a_rule_is_a_pattern_of_the_model(twins: Twins) -> None:
    rules = " ".join(_rules(twins.crd["spec"]))

    for pattern in twins.patterns:
        assert "'" + pattern.replace("\\", "\\\\") + "'" in rules, pattern
    written = {part.split("')")[0].replace("\\\\", "\\") for part in rules.split("matches('")[1:]}
    assert written <= set(twins.patterns)


def _rules(node: Any) -> list[str]:
    if isinstance(node, list):
        return [rule for item in node for rule in _rules(item)]
    if not isinstance(node, dict):
        return []
    own = [rule["rule"] for rule in node.get("x-kubernetes-validations", ())]
    return own + [rule for inner in node.values() for rule in _rules(inner)]


@both
def test_every_field_is_described_and_every_text_and_list_is_bounded(twins: Twins) -> None:
    for place, schema in (twins.theirs | _places(twins.schema["status"], "status")).items():
        assert "description" in schema or place.endswith("[]"), place
        if schema.get("type") == "string":
            assert {"maxLength", "enum", "format"} & set(schema), place
        if schema.get("type") == "array":
            assert {"maxItems", "x-kubernetes-list-type"} <= set(schema), place


def test_what_decides_how_a_task_is_planned_has_no_default() -> None:
    for name in ("schedule", "schedules", "runAt", "run", "concurrencyPolicy"):
        assert "default" not in TASK.schema["spec"]["properties"][name]
