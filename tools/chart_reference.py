"""Writes what follows from the chart's values.yaml: its README's table, and the schema that refuses typos.

``# -- text`` above a key describes it. ``# @enum a, b`` names all its values, ``# @type a, b`` its types,
``# @items object`` what a list holds if not strings, ``# @free`` says that its inside is Kubernetes' own and
is not checked here. Run by ``make chart-reference``; a test refuses what was forgotten.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts" / "nice-commander"
TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
_KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9]*):")
_WORD = re.compile(r"^ *# (--|@enum|@type|@items|@free) ?(.*)$")


@dataclass
class Said:
    """What the comments above one key say."""

    text: str = ""
    enum: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    items: str = "string"
    free: bool = False

    def add(self, word: str, rest: str) -> None:
        """One comment line."""
        match word:
            case "--":
                self.text = rest
            case "@enum":
                self.enum = rest.split(", ")
            case "@type":
                self.types = rest.split(", ")
            case "@items":
                self.items = rest
            case _:
                self.free = True


def comments(text: str) -> dict[tuple[str, ...], Said]:
    """What is said of each key, by its path."""
    found: dict[tuple[str, ...], Said] = {}
    path: list[str] = []
    said = Said()
    for line in text.splitlines():
        if word := _WORD.match(line):
            said.add(word[1], word[2])
        elif key := _KEY.match(line):
            path[len(key[1]) // 2 :] = [key[2]]
            found[tuple(path)] = said
            said = Said()
    return found


def schema(values: Mapping[str, Any], said: Mapping[tuple[str, ...], Said]) -> dict[str, Any]:
    """JSON Schema (draft 7, which Helm reads): every key is known, every type is that of its default."""
    return {"$schema": "http://json-schema.org/draft-07/schema#", **_object(values, said, ())}


def _object(
    values: Mapping[str, Any], said: Mapping[tuple[str, ...], Said], at: tuple[str, ...]
) -> dict[str, Any]:
    properties = {name: _property(value, said, (*at, name)) for name, value in values.items()}
    if not at:
        properties["global"] = {"type": "object", "description": "Helm's own; nothing of it is used."}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _property(value: Any, said: Mapping[tuple[str, ...], Said], at: tuple[str, ...]) -> dict[str, Any]:
    mine = said.get(at, Said())
    if isinstance(value, dict) and value and not mine.free:
        return _object(value, said, at)
    kind: Any = mine.types or TYPES[type(value)]
    told = {"description": mine.text} if mine.text else {}
    items = {"items": {"type": mine.items}} if kind == "array" else {}
    return {"type": kind, **told, **items, **({"enum": mine.enum} if mine.enum else {})}


def rows(
    values: Mapping[str, Any], said: Mapping[tuple[str, ...], Said], at: tuple[str, ...] = ()
) -> Iterator[str]:
    """One table row for each value that can be set."""
    for name, value in values.items():
        path = (*at, name)
        mine = said.get(path, Said())
        if isinstance(value, dict) and value and not mine.free:
            yield from rows(value, said, path)
        else:
            default = json.dumps(value) if len(json.dumps(value)) < 60 else "see values.yaml"
            yield f"| `{'.'.join(path)}` | `{default}` | {mine.text} |"


def rendered() -> dict[Path, str]:
    """The files and what should stand in them."""
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values, said = yaml.safe_load(text), comments(text)
    head = (CHART / "README.md.head").read_text(encoding="utf-8")
    table = "\n".join(["| value | default | |", "|---|---|---|", *rows(values, said)])
    return {
        CHART / "README.md": f"{head}\n{table}\n",
        CHART / "values.schema.json": json.dumps(schema(values, said), indent=2) + "\n",
    }


def main() -> int:
    """Write them."""
    for path, text in rendered().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(CHART.parent.parent)} is written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
