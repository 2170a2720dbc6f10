"""What the source of definitions (a watched folder) says of its files; None of our business how it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nice_operator.domain.errors import Problem


@dataclass(frozen=True, slots=True)
class BrokenFile:
    """A file that could not be read as it should be. ``path`` is relative to the folder."""

    path: str
    problems: tuple[Problem, ...]


class Definitions(Protocol):
    """The state of the definitions' source."""

    def broken(self) -> Sequence[BrokenFile]:
        """Files with problems, by path; the tasks of their last good version go on."""
        ...


class NoDefinitions:
    """There is no folder: definitions come from elsewhere."""

    def broken(self) -> Sequence[BrokenFile]:
        """Nothing can be broken."""
        return ()
