"""Manifests as JSON text."""

from __future__ import annotations

import json

from nice_operator.domain.run import JsonObject


def render(manifest: JsonObject) -> str:
    """As written, in the order written, in ASCII (so that any string that JSON can name survives)."""
    return json.dumps(manifest, separators=(",", ":"))


def parse(text: str) -> JsonObject:
    """The manifest again."""
    manifest: JsonObject = json.loads(text)
    return manifest


def same(left: JsonObject, right: JsonObject) -> bool:
    """Whether two manifests say the same. Compared as text: to Python 1, 1.0 and True are equal."""
    return _canonical(left) == _canonical(right)


def _canonical(manifest: JsonObject) -> str:
    return json.dumps(manifest, separators=(",", ":"), sort_keys=True)
