"""One file → the tasks it defines and what is wrong with it, each problem with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from nice_operator.domain.errors import Problem
from nice_operator.domain.names import uid_of
from nice_operator.domain.task import TaskDefinition
from nice_operator.folder.yaml_text import MOST_BYTES, Document, read_documents
from nice_operator.resources import API_VERSION, GROUP, KIND, POOL_KIND, examine, path_of

Identity = tuple[str, str]
"""Namespace and name of a task."""

OTHER_KINDS = (POOL_KIND,)
"""Kinds of our own group that only a cluster uses."""

NEXT_IF_CHANGED = 0
"""The generation that a folder gives; see TaskDefinition."""


@dataclass(frozen=True, slots=True)
class FileReading:
    """What a file says now.

    ``path`` is relative to its folder. ``subjects`` are the tasks that its broken documents are about, as
    far as they tell; ``broken`` means that it may be about others too. ``notes`` are no mistakes.
    """

    path: str
    tasks: tuple[TaskDefinition, ...] = ()
    problems: tuple[Problem, ...] = ()
    subjects: frozenset[Identity] = frozenset()
    notes: tuple[Problem, ...] = ()
    broken: bool = False


def read_file(file: FilePath, path: str) -> FileReading:
    """Read ``file``, called ``path`` in messages. One that cannot be read is broken; nothing is raised."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return FileReading(
            path, problems=(Problem("", f"cannot be read: {reason}; mend or remove it"),), broken=True
        )
    return read_text(data, path)


def read_text(data: bytes, path: str) -> FileReading:
    """What a file with this content says."""
    documents, problems = read_documents(data)
    readings = [_document(document, path) for document in documents]
    return FileReading(
        path=path,
        tasks=tuple(task for reading in readings for task in reading.tasks),
        problems=(*problems, *(problem for reading in readings for problem in reading.problems)),
        subjects=frozenset().union(*(reading.subjects for reading in readings)),
        notes=tuple(note for reading in readings for note in reading.notes),
        broken=bool(problems) or any(reading.broken for reading in readings),
    )


def _document(document: Document, path: str) -> FileReading:
    value = document.value
    if not isinstance(value, dict):
        problem = Problem(
            "",
            f"must be a mapping that begins with apiVersion: {API_VERSION}, found something else",
            document.line,
        )
        return FileReading(path, problems=(problem,), broken=True)
    if _foreign(value):
        return FileReading(path, notes=(_note(value, document.line),))
    return _task(document, value, path)


def _foreign(value: Mapping[str, Any]) -> bool:
    """A Kubernetes object of another kind, which may well stand beside tasks."""
    kind, version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or kind in (KIND, "List"):
        return False
    # In our own group an unknown kind is a slip of the pen, and its task must not go for it.
    return kind in OTHER_KINDS or not version.startswith(f"{GROUP}/")


def _note(value: Mapping[str, Any], line: int) -> Problem:
    where = "in the dev mode" if str(value["apiVersion"]).startswith(f"{GROUP}/") else "here"
    return Problem("kind", f"{value['kind']!r:.80} is not used {where}; it is left out", line)


def _task(document: Document, value: Mapping[str, Any], path: str) -> FileReading:
    reading = examine(value, uid="", generation=NEXT_IF_CHANGED, origin=f"{path}:{document.line}")
    problems = tuple(_with_lines(reading.problems, document))
    if reading.definition is None:
        subjects = frozenset({reading.subject} if reading.subject else ())
        return FileReading(path, problems=problems, subjects=subjects, broken=True)
    identity = (reading.definition.namespace, reading.definition.name)
    return FileReading(path, tasks=(replace(reading.definition, uid=uid_of(*identity)),), problems=problems)


def _with_lines(problems: tuple[Problem, ...], document: Document) -> list[Problem]:
    """A field that is missing is placed at the nearest that is there."""
    if not problems:
        return []
    lines = {path_of("", place).removeprefix("."): line for place, line in document.lines.items()}
    return [replace(problem, line=_nearest(problem.field, lines, document.line)) for problem in problems]


def _nearest(field: str, lines: Mapping[str, int], otherwise: int) -> int:
    while field:
        if field in lines:
            return lines[field]
        field = field[: max(field.rfind("."), field.rfind("["), 0)]
    return otherwise
