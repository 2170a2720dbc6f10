"""All files of a folder together: which tasks they define, and which must be left as they are. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from nice_operator.domain.errors import Problem
from nice_operator.domain.task import TaskDefinition
from nice_operator.folder.reading import FileReading, Identity

_Teller = Callable[[TaskDefinition, str], Problem]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the folder says.

    ``tasks`` are to be as they are here. A task that is not in it is gone, unless ``keeps`` it: its last
    good version goes on while its file, or what the folder says of it, is broken. ``problems`` by file.
    """

    tasks: Mapping[Identity, TaskDefinition]
    problems: Mapping[str, tuple[Problem, ...]]
    broken_files: frozenset[str]
    disputed: frozenset[Identity]

    def keeps(self, identity: Identity, origin: str) -> bool:
        """Whether a known task that the folder does not define now stays as it is."""
        return identity in self.disputed or file_of(origin) in self.broken_files


def file_of(origin: str) -> str:
    """The file of an origin such as ``hello.yaml:3``."""
    return origin.rpartition(":")[0]


def catalogue_of(readings: Iterable[FileReading]) -> Catalogue:
    """Joins what the files say.

    Of a task that several places define none is taken over: only their author knows which one is meant.
    """
    readings = list(readings)
    problems: dict[str, list[Problem]] = {r.path: list(r.problems) for r in readings if r.problems}
    tasks = [task for reading in readings for task in reading.tasks]
    clashes = [
        *_clashes(_by_identity(tasks), _same_identity),
        *_clashes(_by_task_name(tasks), _same_task_name),
    ]
    disputed: set[Identity] = set().union(*(reading.subjects for reading in readings))
    for task, problem in clashes:
        problems.setdefault(file_of(task.origin), []).append(problem)
        disputed.add(_identity(task))
    return Catalogue(
        tasks={_identity(task): task for task in tasks if _identity(task) not in disputed},
        problems={path: tuple(found) for path, found in sorted(problems.items())},
        broken_files=frozenset(reading.path for reading in readings if reading.broken),
        disputed=frozenset(disputed),
    )


def _identity(task: TaskDefinition) -> Identity:
    return task.namespace, task.name


def _by_identity(tasks: Iterable[TaskDefinition]) -> Iterable[list[TaskDefinition]]:
    found: dict[Identity, list[TaskDefinition]] = defaultdict(list)
    for task in tasks:
        found[_identity(task)].append(task)
    return found.values()


def _by_task_name(tasks: Iterable[TaskDefinition]) -> Iterable[list[TaskDefinition]]:
    """Tasks of different identity under one name of the job API."""
    found: dict[tuple[str, str], dict[Identity, TaskDefinition]] = defaultdict(dict)
    for task in tasks:
        if task.spec is not None:
            found[task.namespace, task.spec.task_name].setdefault(_identity(task), task)
    return [list(group.values()) for group in found.values()]


def _same_identity(task: TaskDefinition, others: str) -> Problem:
    message = f"{task.namespace}/{task.name} is defined in {others} too; remove or rename one of them"
    return Problem("metadata.name", message, _line(task))


def _same_task_name(task: TaskDefinition, others: str) -> Problem:
    name = task.spec.task_name if task.spec else task.name
    message = (
        f"the name {name!r} (spec.taskName, or else metadata.name) is that of the task in {others} too, and "
        "must be unique in its namespace; choose another"
    )
    return Problem("spec.taskName", message, _line(task))


def _clashes(
    groups: Iterable[list[TaskDefinition]], tell: _Teller
) -> Iterable[tuple[TaskDefinition, Problem]]:
    for group in groups:
        for task in group if len(group) > 1 else ():
            others = " and ".join(other.origin for other in group if other is not task)
            yield task, tell(task, others)


def _line(task: TaskDefinition) -> int:
    return int(task.origin.rpartition(":")[2])
