"""The schema and its Python twin say the same: fields, required, enums, bounds, defaults, patterns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from nice_operator.resources import patterns
from nice_operator.resources.model import NiceTaskSpec

CRD = yaml.safe_load((Path(__file__).parents[3] / "crds/nicetasks.yaml").read_text())
SPEC = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
TWIN = NiceTaskSpec.model_json_schema(by_alias=True)

BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties", "enum")


def _places(schema: dict[str, Any], place: str = "spec") -> dict[str, dict[str, Any]]:
    found = {place: schema}
    for name, inner in schema.get("properties", {}).items():
        found |= _places(inner, f"{place}.{name}")
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict) and schema[word]:
            found |= _places(schema[word], f"{place}[]")
    return found


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """References followed, and "or null" (which only means: may be left out) taken away."""
    if "$ref" in schema:
        target = _resolved(TWIN["$defs"][schema["$ref"].rpartition("/")[2]])
        return target | {key: value for key, value in schema.items() if key == "default"}
    choices = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if len(choices) == 1:
        inner = _resolved(choices[0])
        return inner | {key: value for key, value in schema.items() if key in (*BOUNDS, "default")}
    plain = {key: value for key, value in schema.items() if key not in ("properties", "items")}
    if schema.get("type") == "object" and schema.get("additionalProperties") is True:
        plain.pop("additionalProperties")
    if isinstance(plain.get("additionalProperties"), dict):
        plain["additionalProperties"] = _resolved(plain["additionalProperties"])
    if "properties" in schema:
        plain["properties"] = {name: _resolved(inner) for name, inner in schema["properties"].items()}
    if "items" in schema:
        plain["items"] = _resolved(schema["items"])
    return plain


OURS, THEIRS = _places(_resolved(TWIN)), _places(SPEC)


def test_both_know_the_same_fields() -> None:
    assert set(OURS) == set(THEIRS)


def test_both_require_the_same_fields() -> None:
    assert {p: sorted(s.get("required", ())) for p, s in OURS.items()} == {
        p: sorted(s.get("required", ())) for p, s in THEIRS.items()
    }


def test_both_draw_the_same_bounds() -> None:
    # Of a timeout the model checks type, length and bounds itself, as the schema's rule does.
    assert {p: _bounds(s) for p, s in OURS.items() if p != "spec.timeoutAfter"} == {
        p: _bounds(s) for p, s in THEIRS.items() if p != "spec.timeoutAfter"
    }


def _bounds(schema: dict[str, Any]) -> dict[str, Any]:
    found = {word: schema[word] for word in BOUNDS if word in schema}
    if "maxProperties" not in found and schema.get("type") == "object":
        found.pop("maxItems", None)
    return found


def test_both_have_the_same_defaults() -> None:
    bare = NiceTaskSpec.model_validate({"timeoutAfter": 1, "run": {"external": {}}})
    ours = json.loads(bare.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=False))
    del ours["timeoutAfter"], ours["run"], ours["retry"]["rules"]  # an empty list is no default

    assert ours == _defaults(SPEC)


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _defaults(inner) if inner["default"] == {} else inner["default"]
        for name, inner in schema["properties"].items()
        if "default" in inner
    }


def test_each_pattern_of_a_rule_is_a_pattern_of_the_model() -> None:
    rules = " ".join(_rules(CRD["spec"]))

    for pattern in patterns.ALL:
        assert "'" + pattern.replace("\\", "\\\\") + "'" in rules, pattern
    written = {part.split("')")[0].replace("\\\\", "\\") for part in rules.split("matches('")[1:]}
    assert written <= set(patterns.ALL)


def _rules(node: Any) -> list[str]:
    if isinstance(node, list):
        return [rule for item in node for rule in _rules(item)]
    if not isinstance(node, dict):
        return []
    own = [rule["rule"] for rule in node.get("x-kubernetes-validations", ())]
    return own + [rule for inner in node.values() for rule in _rules(inner)]


def test_every_field_is_described_and_every_text_and_list_is_bounded() -> None:
    status = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    for place, schema in (THEIRS | _places(status, "status")).items():
        assert "description" in schema or place.endswith("[]"), place
        if schema.get("type") == "string":
            assert {"maxLength", "enum", "format"} & set(schema), place
        if schema.get("type") == "array":
            assert {"maxItems", "x-kubernetes-list-type"} <= set(schema), place


def test_what_decides_how_a_task_is_planned_has_no_default() -> None:
    for name in ("schedule", "schedules", "runAt", "run", "concurrencyPolicy"):
        assert "default" not in SPEC["properties"][name]
