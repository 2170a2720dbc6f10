"""Tasks: recording definitions, looking them up, telling when and why."""

from __future__ import annotations

import asyncio
import difflib
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from nice_operator.domain.errors import Conflict, InvalidInput, KeyReused, NiceError, NotFound, TaskChanged
from nice_operator.domain.ids import RunId, uuid7
from nice_operator.domain.run import ACTIVE_STATES, Requester, Run, Trigger
from nice_operator.domain.schedule import Fire, Timetable
from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.engine import timetables, topics
from nice_operator.engine.annotations import Asked, asked, counts
from nice_operator.engine.explain import Explanation, Pools, explain
from nice_operator.engine.planning import plan_put
from nice_operator.engine.pools import PoolRegistry
from nice_operator.engine.requests import annotation_key, checked_payload
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.workforce import Workforce
from nice_operator.ports import KnownTask, NewRun, PutTask, RunFilter, Store, Wakeups

_log = logging.getLogger(__name__)

LAST_RUNS = 10
PLAN_TRIES = 10
"""How often a definition is planned anew because its task was fired meanwhile."""
ACTIVE_PAGE = 1000
"""Active runs of one task that are looked at to explain it and to count them on its page."""


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """A task with its newest runs (newest first) and how many are queued, claimed or running."""

    task: Task
    last_runs: Sequence[Run]
    active: int


class TaskService:
    """What sources and doors call for tasks. ``writing`` is shared with the scheduler: see there."""

    def __init__(
        self,
        store: Store,
        hub: Workforce,
        wakeups: Wakeups,
        settings: EngineSettings,
        writing: asyncio.Lock,
        pools: PoolRegistry,
    ) -> None:
        self._store = store
        self._hub = hub
        self._pools = pools
        self._wakeups = wakeups
        self._settings = settings
        self._writing = writing
        self._first_met: set[str] = set()

    # ------------------------------------------------------------ definitions

    async def put(self, definition: TaskDefinition) -> Task:
        """Record what a source says of a task now; saying it again changes nothing.

        Raises InvalidInput when another task of the namespace has the same ``taskName``.
        """
        async with self._writing:
            known, task = await self._plan_and_put(definition)
        self._wakeups.publish(topics.DUE, topics.TASKS)
        if known is None or known.id != task.id:
            self._first_met.add(task.uid)
        await self._run_if_asked(definition, task)
        self._first_met.discard(task.uid)
        return task

    async def _plan_and_put(self, definition: TaskDefinition) -> tuple[Task | None, Task]:
        """The task as it was before and as it is now. Another replica may fire it between the look and the
        write; then the plan is made anew."""
        for _ in range(PLAN_TRIES - 1):
            with suppress(TaskChanged):
                return await self._plan_and_put_once(definition)
        return await self._plan_and_put_once(definition)

    async def _plan_and_put_once(self, definition: TaskDefinition) -> tuple[Task | None, Task]:
        known = await self._store.get_task(definition.namespace, definition.name)
        put = plan_put(definition, known, await self._store.now())
        return known, await self._store.put_task(put)

    async def put_many(self, definitions: Sequence[TaskDefinition]) -> Sequence[Task | NiceError]:
        """``put`` for definitions of different tasks, decided and written together: for each its task, or
        what refuses it. Raises Unavailable when nothing was done."""
        async with self._writing:
            names = {(definition.namespace, definition.name) for definition in definitions}
            known = {(task.namespace, task.name): task for task in await self._store.tasks_named(names)}
            now = await self._store.now()
            puts = [plan_put(each, known.get((each.namespace, each.name)), now) for each in definitions]
            answers = await asyncio.gather(*map(self._put_or_refuse, puts))
        self._wakeups.publish(topics.DUE, topics.TASKS)
        before = {task.id for task in known.values()}
        asking = [
            self._answer_annotation(definition, answer, first_met=answer.id not in before)
            if isinstance(answer, Task) and asked(definition)
            else _itself(answer)
            for definition, answer in zip(definitions, answers, strict=True)
        ]
        return await asyncio.gather(*asking)

    async def _put_or_refuse(self, put: PutTask) -> Task | NiceError:
        try:
            try:
                return await self._store.put_task(put)
            except TaskChanged:
                return (await self._plan_and_put(put.definition))[1]
        except NiceError as error:
            return error

    async def _answer_annotation(
        self, definition: TaskDefinition, task: Task, *, first_met: bool
    ) -> Task | NiceError:
        if first_met:
            self._first_met.add(task.uid)
        try:
            await self._run_if_asked(definition, task)
        except NiceError as error:
            return error
        self._first_met.discard(task.uid)
        return task

    async def put_new(self, definition: TaskDefinition) -> Task | None:
        """Record a task that nobody declared, unless another one has its name: then nothing, and None."""
        async with self._writing:
            if await self._store.get_task(definition.namespace, definition.name) is not None:
                return None
            put = plan_put(definition, None, await self._store.now())
            task = await self._store.put_task(put)
        self._wakeups.publish(topics.DUE, topics.TASKS)
        return task

    async def delete(self, namespace: str, name: str, *, uid: str | None = None) -> Task | None:
        """Forget a task: its queued runs are cancelled, its running ones told to stop, its history kept.
        With ``uid``, only if it is still that one and not another of the same name."""
        known = await self._store.get_task(namespace, name)
        if known is None or uid not in (None, known.uid):
            return None
        async with self._writing:
            deleted = await self._store.delete_task(known.id)
        await self._hub.recheck({known.id})
        self._wakeups.publish(topics.DUE, topics.TASKS, topics.RUNS)
        return deleted

    async def _run_if_asked(self, definition: TaskDefinition, task: Task) -> None:
        """Once per value: what is refused is said, and not tried again at some later moment."""
        request = asked(definition)
        if request is None:
            return
        key = annotation_key(request.value)
        noted = await self._store.last_request(task.id)
        if noted == key:
            return
        made_at = definition.created_at or task.first_seen_at
        first_sight = noted is None and task.uid in self._first_met
        if counts(request, made_at, first_sight=first_sight):
            await self._try_request(task, request)
        await self._store.note_request(task.id, key)

    async def _try_request(self, task: Task, request: Asked) -> None:
        try:
            await self._request(task, request)
        except (Conflict, InvalidInput, KeyReused) as refusal:
            _log.warning("the run that task %s/%s asks for: %s", task.namespace, task.name, refusal)

    async def _request(self, task: Task, request: Asked) -> None:
        payload = checked_payload(task, request.payload)
        requester = Requester(Trigger.ANNOTATION)
        new = NewRun(RunId(uuid7()), task, annotation_key(request.value), payload, requester)
        if (await self._store.submit(new)).created:
            self._wakeups.publish(topics.QUEUE, topics.RUNS, topics.TASKS)
            await self._hub.recheck({task.id})

    # ------------------------------------------------------------ looking

    async def get(self, namespace: str, name: str) -> Task:
        """By its name, or else by its ``spec.taskName``. Raises NotFound with the nearest names."""
        task = await self._store.get_task(namespace, name) or await self._store.find_task(namespace, name)
        if task is None:
            raise _not_found(namespace, name, await self._store.list_tasks(namespace))
        return task

    async def known_as(self, namespace: str, task_name: str) -> Task | None:
        """By ``spec.taskName``, the job API's name, or else by its name; None when there is none."""
        found = await self._store.find_task(namespace, task_name)
        return found or await self._store.get_task(namespace, task_name)

    async def by_task_name(self, namespace: str, task_name: str) -> Task:
        """``known_as``, but raises NotFound with the nearest names."""
        task = await self.known_as(namespace, task_name)
        if task is None:
            raise _not_found(namespace, task_name, await self._store.list_tasks(namespace))
        return task

    async def list(self, namespace: str | None = None) -> Sequence[TaskSummary]:
        """Every task with its newest runs, by namespace and name."""
        tasks = await self._store.list_tasks(namespace)
        last_runs = await self._store.last_runs([task.id for task in tasks], LAST_RUNS)
        active = await self._store.active_counts(namespace)
        return [TaskSummary(task, last_runs.get(task.id, ()), active.get(task.id, 0)) for task in tasks]

    async def known(self) -> Sequence[KnownTask]:
        """Every living task, without its inside."""
        return await self._store.known_tasks()

    async def summary(self, task: Task) -> TaskSummary:
        """One task with its newest runs."""
        last_runs = await self._store.last_runs([task.id], LAST_RUNS)
        return TaskSummary(task, last_runs.get(task.id, ()), len(await self._active_runs(task)))

    async def _active_runs(self, task: Task) -> Sequence[Run]:
        wanted = RunFilter(task_id=task.id, states=ACTIVE_STATES, limit=ACTIVE_PAGE)
        return (await self._store.list_runs(wanted)).runs

    async def upcoming(self, task: Task, count: int) -> Sequence[Fire]:
        """The next ``count`` planned moments; none while it is suspended. The first may be overdue."""
        table = timetables.timetable(task)
        if table is None or task.next_fire_at is None:
            return ()
        first = table.fire_at(int(task.next_fire_at.timestamp()))
        return tuple(_following(table, first, count))

    async def explain(self, task: Task) -> Explanation:
        """Why it is not running now."""
        active = await self._active_runs(task)
        now = await self._store.now()
        return explain(task, active, self._hub.list(), now=now, pools=self._pools_for(task))

    def _pools_for(self, task: Task) -> Pools:
        trouble = self._pools.trouble(task.namespace, task.spec.queue) if task.spec else ""
        return Pools(self._settings.every_pool, self._settings.release_namespace, trouble)


async def _itself(answer: Task | NiceError) -> Task | NiceError:
    return answer


def _following(table: Timetable, first: Fire, count: int) -> Iterable[Fire]:
    fire: Fire | None = first
    for _ in range(count):
        if fire is None:
            return
        yield fire
        fire = table.next_after(fire.at)


def _not_found(namespace: str, name: str, tasks: Sequence[Task]) -> NotFound:
    names = dict.fromkeys([t.name for t in tasks] + [t.spec.task_name for t in tasks if t.spec])
    nearest = tuple(difflib.get_close_matches(name, names, n=3, cutoff=0.5))
    hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
    return NotFound(f"there is no task {name!r} in namespace {namespace}{hint}", nearest)
