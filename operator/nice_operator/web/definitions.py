"""What the source of definitions (a watched folder) says of its files; None of our business how it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nice_operator.ports import BrokenFile

__all__ = ["BrokenFile", "Definitions", "NoDefinitions"]


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
