"""Where the folder's tasks go: the part of the engine that the folder needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nice_operator.domain.task import Task, TaskDefinition


class KnownTask(Protocol):
    """A listed task."""

    @property
    def task(self) -> Task: ...


class TaskSink(Protocol):
    """``engine.tasks.TaskService``, as far as the folder is concerned."""

    async def put(self, definition: TaskDefinition) -> object:
        """Record it. Idempotent. Raises NiceError."""
        ...

    async def delete(self, namespace: str, name: str) -> object:
        """Forget the task; one that is not known is no error. Raises NiceError."""
        ...

    async def list(self) -> Sequence[KnownTask]:
        """Every living task, whatever its source."""
        ...
