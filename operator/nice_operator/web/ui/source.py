"""What a task executes, and its manifest, as text to read."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

import yaml

from nice_operator.domain.task import Command, Execution, Function, PythonSource, Task
from nice_operator.web.masking import shown_manifest
from nice_protocol.secrecy.shapes import without_shapes


@dataclass(frozen=True, slots=True)
class Source:
    """Lines of code under a title."""

    title: str
    lines: tuple[str, ...]


def source_of(execution: Execution) -> Source | None:
    """The code or command; None for a task that external workers bring."""
    match execution:
        case PythonSource(source):
            return Source("Code", tuple(without_shapes(source).rstrip("\n").split("\n")))
        case Function(path):
            return Source("Function", (path,))
        case Command(argv):
            return Source("Command", tuple(without_shapes(shlex.join(argv)).split("\n")))
    return None


class _Readable(yaml.SafeDumper):
    """Several lines of text stay several lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)


def manifest_yaml(task: Task) -> str:
    """The task as it could be written into a file."""
    document: dict[str, Any] = {
        "apiVersion": "nicecommander.dev/v1beta1",
        "kind": "NiceTask",
        "metadata": {"name": task.name, "namespace": task.namespace},
        "spec": shown_manifest(task.manifest),
    }
    return yaml.dump(document, Dumper=_Readable, sort_keys=False, allow_unicode=True, width=100)
