"""YAML nodes → JSON values, with the line of each."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from nice_operator.domain.errors import Problem
from nice_operator.domain.run import JsonValue

MOST_VALUES = 200_000
MOST_CHARACTERS = 8 * 1024 * 1024
DEEPEST = 100
LONGEST_NUMBER = 1000

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"y", "Y", "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"n", "N", "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OTHER_BASE = re.compile(r"[-+]?0(x[0-9a-fA-F]+|o?[0-7]+|b[01]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_STANDARD = "tag:yaml.org,2002:"
_COLLECTIONS = frozenset({f"{_STANDARD}map", f"{_STANDARD}seq"})
_SCALARS = frozenset(
    f"{_STANDARD}{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")
)


class YamlRefused(Exception):
    """A file or document that is not read; ``problem`` says why and where."""

    def __init__(self, message: str, line: int | None, field: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(field, message, line)


class ValueBuilder:
    """Builds one document. ``lines`` maps each path to its line, counted from 1.

    An alias repeats what it stands for, so the number of values is bounded as they are built: a few
    lines of nested aliases could mean billions of them.
    """

    def __init__(self) -> None:
        self.lines: dict[tuple[str | int, ...], int] = {}
        self._values = 0
        self._characters = 0

    def build(self, node: yaml.Node, path: tuple[str | int, ...] = ()) -> JsonValue:
        """The value of ``node``. Raises YamlRefused."""
        self._count(node, path)
        self.lines.setdefault(path, _line(node))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _COLLECTIONS:
            raise YamlRefused(f"the tag {node.tag:.60} is not supported; remove it", _line(node), _text(path))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node, path) if isinstance(node, yaml.ScalarNode) else None

    def _count(self, node: yaml.Node, path: tuple[str | int, ...]) -> None:
        self._values += 1
        self._characters += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self._values > MOST_VALUES or self._characters > MOST_CHARACTERS:
            raise YamlRefused(
                f"the document means more than {MOST_VALUES} values or {MOST_CHARACTERS} characters once its "
                "aliases are expanded; use fewer aliases",
                _line(node),
            )
        if len(path) > DEEPEST:
            raise YamlRefused(
                f"is nested deeper than {DEEPEST} levels, or contains itself by an alias; flatten it",
                _line(node),
            )

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = _name(key_node, path)
            if name in result:
                raise YamlRefused(
                    f"{name!r:.80} is given twice; remove one", _line(key_node), _text((*path, name))
                )
            place = (*path, name)
            self.lines[place] = _line(key_node)
            result[name] = self.build(value_node, place)
        return result


def _name(node: yaml.Node, path: tuple[str | int, ...]) -> str:
    if node.tag == "tag:yaml.org,2002:merge":
        raise YamlRefused(
            "the merge key << is not supported, nor by kubectl everywhere; write the fields out",
            _line(node),
            _text(path),
        )
    name = _scalar(node, path) if isinstance(node, yaml.ScalarNode) else None
    if isinstance(name, str):
        return name
    raise YamlRefused(_no_text(node, name), _line(node), _text(path))


def _no_text(node: yaml.Node, read: JsonValue) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a name must be a text, found a list or a mapping; write a plain word before the colon"
    found = "null" if read is None else str(read).lower() if isinstance(read, bool) else "a number"
    return f'the name {node.value:.40} is read by YAML as {found}; put it in quotes: "{node.value:.40}"'


def _scalar(node: yaml.ScalarNode, path: tuple[str | int, ...]) -> JsonValue:
    text: str = node.value
    if node.style in ("'", '"', "|", ">") or node.tag == "!":
        return text
    if node.tag not in _SCALARS:
        raise YamlRefused(f"the tag {node.tag:.60} is not supported; remove it", _line(node), _text(path))
    return _plain(text, node, path)


def _plain(text: str, node: yaml.Node, path: tuple[str | int, ...]) -> JsonValue:
    if text in _NULLS:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if len(text) <= LONGEST_NUMBER and _INTEGER.fullmatch(text):
        return int(text)
    if len(text) <= LONGEST_NUMBER and _OTHER_BASE.fullmatch(text):
        return _other_base(text)
    if _FLOAT.fullmatch(text):
        return _float(text, node, path)
    if _NO_NUMBER.fullmatch(text):
        raise YamlRefused(
            f"{text} is no JSON number; write null or put it in quotes", _line(node), _text(path)
        )
    return text


def _other_base(text: str) -> int:
    digits = text.lower().lstrip("+-")
    sign = -1 if text.startswith("-") else 1
    base = {"0x": 16, "0b": 2}.get(digits[:2], 8)
    return sign * int(digits.removeprefix("0x").removeprefix("0b").removeprefix("0o"), base)


def _float(text: str, node: yaml.Node, path: tuple[str | int, ...]) -> float:
    value = float(text)
    if math.isinf(value) or len(text) > LONGEST_NUMBER:
        raise YamlRefused(
            f"the number {text:.40} is too large; put it in quotes to mean a text", _line(node), _text(path)
        )
    return value


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _text(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
