"""The files of a directory as last read; only what changed is read again."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from nice_operator.folder.files import task_files
from nice_operator.folder.reading import FileReading, read_file

_Signature = tuple[int, int, int, int] | None


class Shelf:
    """Blocking: call it in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._kept: dict[Path, tuple[_Signature, FileReading]] = {}

    def look(self, touched: Collection[Path] = ()) -> list[FileReading]:
        """What every file says now. ``touched`` are read anew whatever their time stamps say.

        Raises OSError when the directory itself cannot be listed.
        """
        self._kept = {path: self._read(path, path in touched) for path in task_files(self._directory)}
        return [reading for _, reading in self._kept.values()]

    def _read(self, path: Path, touched: bool) -> tuple[_Signature, FileReading]:
        signature = _signature(path)
        kept = self._kept.get(path)
        if kept is not None and kept[0] == signature and not touched:
            return kept
        return signature, read_file(path, path.relative_to(self._directory).as_posix())


def _signature(path: Path) -> _Signature:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
