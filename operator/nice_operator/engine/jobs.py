"""What the job API asks for by name: which names there are, the task behind one, jobs for a later time."""

from __future__ import annotations

from collections.abc import Sequence

from nice_operator.domain.errors import Forbidden, NotFound
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Requester
from nice_operator.domain.task import External, Task
from nice_operator.engine import topics
from nice_operator.engine.external.hub import ExternalHub
from nice_operator.engine.external.worker import ExternalWorker
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.tasks import TaskService
from nice_operator.engine.undeclared import Undeclared
from nice_operator.ports import Clock, Store, Wakeups

MOST_KNOWN = 20_000
"""Names whose tasks are remembered: twice the tasks that one server is built for."""


class JobService:
    """For the doors of the job API. Errors are those of ``domain.errors``."""

    def __init__(
        self,
        store: Store,
        tasks: TaskService,
        external: ExternalHub,
        undeclared: Undeclared,
        wakeups: Wakeups,
        clock: Clock,
        settings: EngineSettings,
    ) -> None:
        self._store = store
        self._tasks = tasks
        self._external = external
        self._undeclared = undeclared
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._remembered: dict[tuple[str, str], Task] = {}

    async def names(self, namespace: str) -> Sequence[str]:
        """The names that can be processed now: what pools run, in the order it was first seen, then what
        connected workers registered, in that order."""
        known = {t.spec.task_name: t for t in await self._store.list_tasks(namespace) if t.spec}
        in_pools = [t for t in known.values() if t.spec and not isinstance(t.spec.execution, External)]
        in_pools.sort(key=lambda task: task.first_seen_at)
        outside = [name for name in self._external.names(namespace) if _is_external(known.get(name))]
        return [*(task.spec.task_name for task in in_pools if task.spec), *outside]

    async def task(self, namespace: str, name: str, wait: float) -> Task:
        """The task of that name. One that nobody knows is waited for, ``wait`` seconds at most: its worker
        may be on its way. Raises NotFound with the nearest names."""
        deadline = self._clock.monotonic() + wait
        async with self._wakeups.subscribe(topics.TASKS) as changed:
            while True:
                task = await self.known(namespace, name)
                left = deadline - self._clock.monotonic()
                if task is not None:
                    return task
                if left <= 0:
                    return await self._tasks.by_task_name(namespace, name)
                await changed.wait(min(left, self._settings.poll))

    async def known(self, namespace: str, name: str) -> Task | None:
        """The task of that name, if there is one now. One that was deleted while a worker serves it comes
        back with the next request. It may be the one that was found earlier: requests for it are ``exact``,
        and after TaskChanged ``forget`` it."""
        found = self._remembered.get((namespace, name))
        return found or await self._look_up(namespace, name)

    def forget(self, task: Task) -> None:
        """The task changed: it is looked up when somebody asks for it again."""
        if task.spec is not None:
            self._remembered.pop((task.namespace, task.spec.task_name), None)

    async def _look_up(self, namespace: str, name: str) -> Task | None:
        if self._external.serves(namespace, name):
            task = await self._undeclared.ensure(namespace, name)
        else:
            task = await self._tasks.known_as(namespace, name)
        # A taskName is one living task's, for as long as its version lasts; a metadata.name gives way to it.
        if task is not None and task.spec is not None and task.spec.task_name == name:
            if len(self._remembered) >= MOST_KNOWN:
                self._remembered.clear()
            self._remembered[namespace, name] = task
        return task

    async def task_for_later(self, namespace: str, name: str) -> Task:
        """The task of that name, made at once where that is allowed: its worker may come later. Raises
        NotFound, and InvalidInput for a name that no task can have."""
        self._may_act()
        task = await self.known(namespace, name) or await self._undeclared.ensure(namespace, name)
        return task if task is not None else await self._tasks.by_task_name(namespace, name)

    async def unschedule(self, namespace: str, run_id: RunId, requester: Requester) -> bool:
        """Take back a scheduled job that has not started; whether there was one."""
        self._may_act()
        found = await self._store.unschedule(namespace, run_id, requester)
        if found:
            self._wakeups.publish(
                topics.run(run_id), topics.end(run_id), topics.RUNS, topics.TASKS, topics.QUEUE
            )
        return found

    async def register(self, worker: ExternalWorker, name: str) -> None:
        """A worker says that it can do ``name``. What somebody declared to run elsewhere gives it nothing to
        do: its runs wait in another queue. Raises InvalidInput for a name that no task can have, Forbidden
        for one that runs elsewhere, NotFound for one that nobody declared where that is needed (it is
        served all the same, once it is declared)."""
        task = await self._undeclared.ensure(worker.namespace, name)
        self._external.register(worker, name)
        self._wakeups.publish(topics.TASKS)
        if task is None:
            raise NotFound(
                f"a worker registered {name!r}, which nobody declared in namespace {worker.namespace}; "
                f"apply a NiceTask with taskName {name!r} and run.external for it"
            )
        if not _is_external(task):
            raise Forbidden(
                f"a worker registered {name!r}, but task {task.namespace}/{task.name} is not external and "
                "runs in its pool; declare run.external to let workers outside run it"
            )

    def _may_act(self) -> None:
        if self._settings.view_only:
            raise Forbidden("this server only shows (--view-only); it starts and stops nothing")


def _is_external(task: Task | None) -> bool:
    return task is not None and task.spec is not None and isinstance(task.spec.execution, External)
