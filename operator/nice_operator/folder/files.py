"""Which files of a directory are read, and reading them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SUFFIXES = (".yaml", ".yml")


def is_task_file(name: str) -> bool:
    """Whether a file of that name is read: YAML, and neither hidden nor an editor's own."""
    return name.endswith(SUFFIXES) and not name.startswith((".", "#", "~"))


def is_watched(directory: Path, path: Path) -> bool:
    """Whether a change of ``path`` can matter: a task file, or a directory, outside hidden directories."""
    try:
        parts = path.relative_to(directory).parts
    except ValueError:
        return False
    if any(part.startswith(".") for part in parts[:-1]):
        return False
    return not parts or is_task_file(parts[-1]) or not Path(parts[-1]).suffix


def task_files(directory: Path) -> list[Path]:
    """The files to read in ``directory`` and below it, in order.

    Hidden directories are left out; links to files are followed, links to directories are not.

    Raises OSError when ``directory``, or one below it, cannot be listed: tasks that cannot be seen are not
    tasks that are gone.
    """
    with os.scandir(directory):
        pass  # that one must be there; one below it may vanish while we look
    return sorted(_walk(directory))


def _walk(directory: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(directory, onerror=_refuse_the_unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in names if is_task_file(name))


def _refuse_the_unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error
