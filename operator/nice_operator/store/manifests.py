"""Manifests as JSON text."""

from __future__ import annotations

import json
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Any

from nice_operator.domain.run import JsonObject


class Written(Mapping[str, Any]):
    """A manifest as its text, which is read when somebody looks: of ten thousand that are kept, few are ever
    shown, and as objects they are five times as large. Each look reads all of it: who wants more than
    one member asks for ``items``, as ``dict(written)`` looks once for each."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> JsonObject:
        """All of it."""
        return parse(self._text)

    def __getitem__(self, name: str) -> Any:
        return self.read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.read())

    def __len__(self) -> int:
        return len(self.read())

    def items(self) -> ItemsView[str, Any]:
        """Read once."""
        return self.read().items()

    def values(self) -> ValuesView[Any]:
        """Read once."""
        return self.read().values()


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
    plain = manifest.read() if isinstance(manifest, Written) else manifest
    return json.dumps(plain, separators=(",", ":"), sort_keys=True)
