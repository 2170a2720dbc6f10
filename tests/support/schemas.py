"""A schema of Kubernetes as JSON Schema says it."""

from __future__ import annotations

from typing import Any


def plain_schema(schema: Any) -> Any:
    """Without Kubernetes' own words, or with JSON Schema's for them."""
    if isinstance(schema, list):
        return [plain_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: plain_schema(value) for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if schema.get("x-kubernetes-int-or-string") is True:
        plain["type"] = ["integer", "string"]
    if schema.get("x-kubernetes-list-type") == "set":
        plain["uniqueItems"] = True
    return plain


def without_nulls(value: Any) -> Any:
    """The server prunes null before it validates."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return value
