"""A file that is there while this worker takes runs: what a pod's readiness probe looks for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Readiness:
    """Shows it at ``path``; nowhere, if that is None. A worker that ended badly leaves the file to the next,
    which begins by taking it away."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.show(available=False)

    def show(self, *, available: bool) -> None:
        """Make the file say so. Raises OSError when its folder cannot be written."""
        if self._path is None:
            return
        if available:
            self._path.touch(mode=0o600)
        else:
            with suppress(FileNotFoundError):
                self._path.unlink()
