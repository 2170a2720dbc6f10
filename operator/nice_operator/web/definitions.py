"""What the source of definitions (a watched folder) says of its files; None of our business how it knows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nice_operator.domain.task import Task
from nice_operator.ports import BrokenFile

__all__ = ["BrokenFile", "Definitions", "NoDefinitions", "stalled_now", "trouble_with"]


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


def trouble_with(task: Task, broken: Sequence[BrokenFile]) -> list[BrokenFile]:
    """The broken file that ``task`` comes from, if it is one."""
    file = task.origin.rpartition(":")[0] or task.origin
    return [one for one in broken if one.path == file]


def stalled_now(task: Task, broken: Sequence[BrokenFile]) -> str:
    """Why ``task`` is stalled, as long as that is still what its file says: a file that got another mistake
    since then is told as such."""
    problems = [problem for file in trouble_with(task, broken) for problem in file.problems]
    if problems and not any(problem.message in task.stalled for problem in problems):
        return ""
    return task.stalled
