"""What the folder says of its files, for pages, API and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nice_operator.domain.errors import Problem
from nice_operator.folder.reading import FileReading


@dataclass(frozen=True, slots=True)
class FileReport:
    """One file. ``tasks`` are the namespace/name of those it defines; ``notes`` are no mistakes."""

    path: str
    tasks: tuple[str, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderReport:
    """All files by path. ``problem`` is why the folder itself cannot be read (empty: it can)."""

    files: tuple[FileReport, ...] = ()
    problem: str = ""

    @property
    def broken(self) -> Sequence[FileReport]:
        """The files that have problems."""
        return tuple(file for file in self.files if file.problems)


def file_reports(
    readings: Iterable[FileReading], problems: Mapping[str, Sequence[Problem]]
) -> tuple[FileReport, ...]:
    """One report per file, with ``problems`` by file."""
    return tuple(
        FileReport(
            path=reading.path,
            tasks=tuple(f"{task.namespace}/{task.name}" for task in reading.tasks),
            problems=tuple(sorted(problems.get(reading.path, ()), key=lambda problem: problem.line or 0)),
            notes=reading.notes,
        )
        for reading in sorted(readings, key=lambda reading: reading.path)
    )
