"""YAML text → documents with line numbers, safe against what files can hold.

Composing is left to PyYAML; turning nodes into values is ours, because values must be what kubectl would
send: JSON, no dates, no sexagesimals, no NaN, no name twice, and every value knows its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from nice_operator.domain.errors import Problem
from nice_operator.domain.run import JsonValue
from nice_operator.folder.yaml_values import DEEPEST, ValueBuilder, YamlRefused

MOST_BYTES = 2 * 1024 * 1024
MOST_DOCUMENTS = 1000
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its value, the line where it begins, and the lines of what is in it."""

    value: JsonValue
    line: int
    lines: dict[Path, int]


def read_documents(data: bytes) -> tuple[list[Document], list[Problem]]:
    """The documents of a file (empty ones left out) and what is wrong with the rest.

    A mistake in the syntax spoils what follows it in the file; other mistakes spoil their document only.
    """
    try:
        text = _decoded(data)
    except YamlRefused as refusal:
        return [], [refusal.problem]
    documents: list[Document] = []
    problems: list[Problem] = []
    for found in _documents(text):
        if isinstance(found, Problem):
            problems.append(found)
        elif found.value is not None:
            documents.append(found)
    return documents, problems


def _decoded(data: bytes) -> str:
    if len(data) > MOST_BYTES:
        raise YamlRefused(f"the file has {len(data)} bytes; at most {MOST_BYTES} are read; split it", None)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise YamlRefused(f"byte {error.start + 1} is not UTF-8; save the file as UTF-8", line) from None
    return text


def _documents(text: str) -> Iterator[Document | Problem]:
    try:
        _check_depth(text)
        yield from map(_document, _nodes(text))
    except YamlRefused as refusal:
        yield refusal.problem
    except yaml.MarkedYAMLError as error:
        yield _syntax_problem(error, text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        yield Problem("", f"holds the control character {error.character!r:.20}; remove it", line)


def _check_depth(text: str) -> None:
    """Before composing, which is recursive and in C would overflow the stack without a word.

    A mistake in the syntax is left to composing, which also gives what stands before it.
    """
    depth = documents = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            if depth > DEEPEST:
                raise YamlRefused(f"is nested deeper than {DEEPEST} levels; flatten it", _line(event))
            if documents > MOST_DOCUMENTS:
                raise YamlRefused(f"has more than {MOST_DOCUMENTS} documents; split the file", _line(event))
    except yaml.YAMLError:
        return


def _nodes(text: str) -> Iterator[yaml.Node]:
    loader = _LOADER(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    finally:
        loader.dispose()


def _document(node: yaml.Node) -> Document | Problem:
    builder = ValueBuilder()
    try:
        value = builder.build(node)
    except YamlRefused as refusal:
        return refusal.problem
    return Document(value, _line(node), builder.lines)


def _line(marked: yaml.Node | yaml.Event) -> int:
    mark = marked.start_mark
    return 1 if mark is None else int(mark.line) + 1


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark is not None]
    if not marks:
        return Problem("", f"not valid YAML: {error.problem}; correct it")
    written = text.splitlines() or [""]
    line = min(marks[0].line, len(written) - 1)  # what is missing at the end is marked after it
    if "\t" in written[line][: marks[0].column + 1]:
        return Problem("", "a tab cannot indent YAML; use spaces", line + 1)
    context = f" ({error.context})" if error.context else ""
    return Problem("", f"not valid YAML: {error.problem}{context}; correct it", line + 1)
