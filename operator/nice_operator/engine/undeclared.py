"""Tasks that nobody declared: a worker's first registration makes them, or somebody who schedules one."""

from __future__ import annotations

from nice_operator.domain.errors import InvalidInput
from nice_operator.domain.names import LONGEST, is_task_name, resource_names, uid_of
from nice_operator.domain.task import (
    EXTERNAL_QUEUE,
    UNDECLARED,
    Concurrency,
    ConcurrencyPolicy,
    External,
    Task,
    TaskDefinition,
    TaskSpec,
)
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.tasks import TaskService
from nice_operator.ports import Store


class Undeclared:
    """Makes them, where ``undeclared_tasks`` allows it."""

    def __init__(self, store: Store, tasks: TaskService, settings: EngineSettings) -> None:
        self._store = store
        self._tasks = tasks
        self._settings = settings

    @property
    def allowed(self) -> bool:
        """Whether a name that nobody declared may become a task."""
        return self._settings.undeclared_tasks and not self._settings.view_only

    async def ensure(self, namespace: str, task_name: str) -> Task | None:
        """The task of that name: the one there is, or else a new external one. None when there is none and it
        may not be made. Raises InvalidInput for a name that no task can have."""
        known = await self._store.find_task(namespace, task_name)
        if known is not None or not self.allowed:
            return known
        _refuse_bad_name(task_name)
        for name in resource_names(task_name):
            made = await self._make(namespace, name, task_name)
            if made is not None:
                return made
        return None

    async def _make(self, namespace: str, name: str, task_name: str) -> Task | None:
        try:
            made = await self._tasks.put_new(self._definition(namespace, name, task_name))
        except InvalidInput:  # somebody was faster, under another resource name
            made = None
        return made or await self._store.find_task(namespace, task_name)

    def _definition(self, namespace: str, name: str, task_name: str) -> TaskDefinition:
        timeout = self._settings.undeclared_timeout
        return TaskDefinition(
            namespace=namespace,
            name=name,
            uid=uid_of(namespace, name),
            generation=0,
            manifest={
                "taskName": task_name,
                "timeoutAfter": round(timeout.total_seconds() * 1000),
                "run": {"external": {}},
            },
            spec=TaskSpec(
                task_name=task_name,
                execution=External(),
                timeout=timeout,
                concurrency=Concurrency(ConcurrencyPolicy.ALLOW, None),
                queue=f"{EXTERNAL_QUEUE}{namespace}/{task_name}",
            ),
            origin=UNDECLARED,
        )


def _refuse_bad_name(task_name: str) -> None:
    if not is_task_name(task_name):
        raise InvalidInput(
            f"the name {task_name[:80]!r} cannot be a task's: expected 1 to {LONGEST} bytes of UTF-8 without "
            "control characters and without a space at either end; choose another"
        )
