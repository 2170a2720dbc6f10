"""Checking manifests without a server: what would be refused, what would be stalled, and where."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from nice_operator.domain.errors import Problem
from nice_operator.folder.catalogue import catalogue_of
from nice_operator.folder.files import task_files
from nice_operator.folder.reading import FileReading, read_file
from nice_operator.folder.report import FileReport, file_reports


def lint_paths(paths: Iterable[Path]) -> Sequence[FileReport]:
    """One report per file, of the files named and of those in the directories named, as one set: two
    definitions of one task are a problem wherever they stand. A path that cannot be read is one too."""
    readings: dict[str, FileReading] = {}
    for path in paths:
        for reading in _readings(path):
            readings.setdefault(reading.path, reading)
    problems = catalogue_of(readings.values()).problems
    return file_reports(readings.values(), problems)


def render_text(reports: Sequence[FileReport]) -> str:
    """One line per problem, ``file:line: field: message``, and a summary."""
    lines = [_line(report.path, problem) for report in reports for problem in report.problems]
    lines += [_line(report.path, note, "note: ") for report in reports for note in report.notes]
    tasks = sum(len(report.tasks) for report in reports)
    wrong = sum(len(report.problems) for report in reports)
    summary = f"{_counted(tasks, 'task')} in {_counted(len(reports), 'file')}, {_counted(wrong, 'problem')}"
    return "\n".join([*lines, summary])


def render_json(reports: Sequence[FileReport]) -> str:
    """``{"ok", "files": [{"path", "tasks", "problems": [{"field", "message", "line"}], "notes"}]}``"""
    files = [
        {
            "path": report.path,
            "tasks": list(report.tasks),
            "problems": [_plain(problem) for problem in report.problems],
            "notes": [_plain(note) for note in report.notes],
        }
        for report in reports
    ]
    ok = not any(report.problems for report in reports)
    return json.dumps({"ok": ok, "files": files}, ensure_ascii=False, indent=2)


def _readings(path: Path) -> list[FileReading]:
    if not path.is_dir():
        return [read_file(path, path.as_posix())]
    try:
        return [read_file(file, file.as_posix()) for file in task_files(path)]
    except OSError as error:
        problem = Problem("", f"cannot be listed: {(error.strerror or str(error)).lower()}")
        return [FileReading(path.as_posix(), problems=(problem,), broken=True)]


def _line(path: str, problem: Problem, kind: str = "") -> str:
    place = f"{path}:{problem.line}" if problem.line else path
    field = f"{problem.field}: " if problem.field else ""
    return f"{place}: {kind}{field}{problem.message}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _plain(problem: Problem) -> dict[str, object]:
    return {"field": problem.field, "message": problem.message, "line": problem.line}
