"""How a pod's liveness probe learns whether this worker's own loop goes round."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


class Pulse:
    """The probe puts a file at ``path`` and finds it gone the next time: nobody compares clocks. Whether
    there is an operator plays no part. None: nobody asks. What asked a life before is taken away."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.answer()

    def answer(self) -> None:
        """Take the question away. Raises OSError when its folder cannot be written."""
        if self._path is not None:
            with suppress(FileNotFoundError):
                self._path.unlink()
