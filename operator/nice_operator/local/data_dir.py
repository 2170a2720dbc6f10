"""The data directory of the dev mode: where everything that must survive a restart lies."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nice_operator.domain.errors import InvalidInput

DATABASE = "nice.db"


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Paths inside ``path``, which exists and only its owner may enter.

    The operator's socket is the worker link, so the directory's mode is the link's authentication.
    """

    path: Path

    @classmethod
    def prepare(cls, path: Path) -> DataDirectory:
        """Make the directory if needed. Raises InvalidInput when it cannot be made or is not ours alone."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"data directory {path}: cannot be made ({error.strerror}); name another with --data DIR"
            ) from None
        _require_private(path)
        return cls(path.resolve())

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.path / DATABASE

    @property
    def operator_lock(self) -> Path:
        """Held by the one operator that works on these data."""
        return self.path / "operator.lock"

    @property
    def operator_socket(self) -> Path:
        """The worker link."""
        return self.path / "operator.sock"

    @property
    def worker_lock(self) -> Path:
        """Held by the local worker for as long as it lives."""
        return self.path / "worker.lock"

    @property
    def worker_log(self) -> Path:
        """What the local worker says about itself."""
        return self.path / "worker.log"


def _require_private(path: Path) -> None:
    facts = path.stat()
    if facts.st_uid != os.geteuid():
        raise InvalidInput(
            f"data directory {path}: belongs to user {facts.st_uid}, expected {os.geteuid()}; "
            "name one of your own with --data DIR"
        )
    if facts.st_mode & 0o077:
        _require_own_use(path)
        path.chmod(0o700)


def _require_own_use(path: Path) -> None:
    """Others are shut out of a directory that is for these data, not of one that somebody uses otherwise."""
    if (path / DATABASE).exists() or not any(path.iterdir()):
        return
    raise InvalidInput(
        f"data directory {path}: holds other files and is open to others, expected one for these data alone; "
        "name an empty or a new one with --data DIR"
    )
