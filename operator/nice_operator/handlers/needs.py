"""What this package needs from its neighbours, beside the ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from nice_operator.domain.errors import NiceError
from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.ports import KnownTask


class Tasks(Protocol):
    """``engine.tasks.TaskService``, as far as definitions from Kubernetes are concerned."""

    async def put_many(self, definitions: Sequence[TaskDefinition]) -> Sequence[Task | NiceError]:
        """Record them: for each its task, or what refuses it. Raises Unavailable."""
        ...

    async def delete(self, namespace: str, name: str, *, uid: str | None = None) -> object:
        """Forget the task of that name if it has that uid. Raises NiceError."""
        ...

    async def known(self) -> Sequence[KnownTask]:
        """Every living task, whatever its source, without its inside. Raises NiceError."""
        ...


class Pools(Protocol):
    """``engine.pools.PoolRegistry``, as far as tasks are concerned."""

    def admits(self, namespace: str, queue: str) -> str | None:
        """None when tasks of that namespace may wait in that queue, else why not and what would help."""
        ...

    def on_change(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Be told when the answers of ``admits`` may have changed; the answer ends it."""
        ...


class PoolEvents(Protocol):
    """Who is told of NiceWorkerPools as the API server shows them. Called in the event loop's thread."""

    def shown(self, document: Mapping[str, Any]) -> None:
        """It is there and looks like this."""
        ...

    def gone(self, namespace: str, name: str, uid: str) -> None:
        """It is not there any more."""
        ...
