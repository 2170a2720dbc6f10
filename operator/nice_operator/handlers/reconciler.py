"""From what was seen to what the engine knows: each object's newest state is recorded, whatever came before.

Level-triggered: nothing here depends on having heard every event, or on hearing them in order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar

from nice_operator.domain.errors import InvalidInput, NiceError
from nice_operator.domain.task import KUBERNETES, Task, TaskDefinition
from nice_operator.handlers.definition import definition_of, without_name, without_pool
from nice_operator.handlers.needs import Tasks
from nice_operator.handlers.queue import KeyedQueue
from nice_operator.handlers.seen import Gone, Look, Seen, Sight, key_of, sight_of
from nice_operator.handlers.told import Memory, Told, told_before, told_of
from nice_operator.ports import KnownTask, TaskObjects, TaskStatuses

_log = logging.getLogger(__name__)

BATCH = 200
"""Objects that are recorded together."""
MOST_WAITING = 1000
"""Objects of a listing that wait to be recorded before more of it is read."""
BREATH = 20
"""Objects that are read before others get their turn on the event loop."""

S = TypeVar("S")
R = TypeVar("R")

Admits = Callable[[str, str], str | None]
"""Why tasks of a namespace may not wait in a queue; None when they may."""


class Reconciler:
    """Works on the queue; several ``run`` may do so at the same time."""

    def __init__(
        self,
        queue: KeyedQueue[Sight],
        tasks: Tasks,
        objects: TaskObjects,
        statuses: TaskStatuses,
        admits: Admits,
        born: datetime | None = None,
    ) -> None:
        self._queue = queue
        self._tasks = tasks
        self._objects = objects
        self._statuses = statuses
        self._admits = admits
        self._born = born
        self.memory = Memory()
        self._expected: dict[str, KnownTask] = {}

    def expect(self, known: Iterable[KnownTask]) -> None:
        """What the database holds, before the first objects are heard: those that look as they are recorded
        need not be read, and say nothing new."""
        ours = (task for task in known if task.origin == KUBERNETES and task.in_force)
        self._expected = {key_of(task.namespace, task.name): task for task in ours}

    async def room(self, until: float | None = None) -> None:
        """Wait until more can be heard, as what waits is whole objects; not after ``until`` (the event loop's
        time; None: however long)."""
        await self._queue.room(MOST_WAITING, until)

    def hear(self, sight: Seen | Gone) -> None:
        """An object looks like this, or is gone. What says nothing new, as the echo of every status write
        does, is passed on at once; the rest is queued."""
        if isinstance(sight, Gone):
            self._queue.put(key_of(sight.namespace, sight.name), sight)
            return
        key = key_of(sight.shown.namespace, sight.shown.name)
        self._recognise(key, sight)
        if key not in self._queue and self.memory.knows(sight):
            self._statuses.shown(sight.shown)
        else:
            self._queue.put(key, sight)

    def _recognise(self, key: str, seen: Seen) -> None:
        """Take as told what is in force just so. One that asks for a run, or whose pool refuses it by now, is
        to be looked at."""
        task = self._expected.pop(key, None)
        if task is None or (task.uid, task.observed_generation) != (seen.shown.uid, seen.shown.generation):
            return
        told = told_before(seen, task)
        if told and not told.requested and self._admits(told.namespace, told.queue) is None:
            self.memory.note(told)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            left = dict(await self._queue.take(BATCH))
            try:
                await self._work(left)
            except NiceError as error:
                _log.warning("%d NiceTasks are tried again later: %s", len(left), error)
            except Exception:
                _log.exception("%d NiceTasks could not be handled and are tried again", len(left))
            for key, sight in left.items():
                self._queue.again(key, sight)

    def pools_changed(self) -> None:
        """Look again at every task whose pool answers otherwise now."""
        for told in self.memory:
            if told.queue and self._admits(told.namespace, told.queue) != told.refused:
                self.look(told.namespace, told.name, told.uid)

    def look(self, namespace: str, name: str, uid: str) -> None:
        """Read the object again, and record it even if it has no news."""
        self._queue.put(key_of(namespace, name), Look(namespace, name, uid))

    def waits(self, namespace: str, name: str) -> bool:
        """Whether there is news of it that was not recorded yet."""
        return key_of(namespace, name) in self._queue

    # ------------------------------------------------------------ one batch

    async def _work(self, left: dict[str, Sight]) -> None:
        """What is done is taken out of ``left``."""
        sights = await self._looked(left)
        # Deletions first: a name that one task gives up may be taken by another.
        gone = {key: sight for key, sight in sights.items() if isinstance(sight, Gone)}
        for key in await _each(gone, self._forget):
            self._finish(key, left)
        seen = {key: sight for key, sight in sights.items() if isinstance(sight, Seen)}
        old = [key for key, sight in seen.items() if not sight.anew and self.memory.knows(sight)]
        for key in old:
            self._statuses.shown(seen.pop(key).shown)
            self._finish(key, left)
        if seen:
            await self._record(seen, left)

    async def _looked(self, sights: Mapping[str, Sight]) -> Mapping[str, Seen | Gone]:
        """With the objects that were to be read; without those that could not be."""
        looks = {key: sight for key, sight in sights.items() if isinstance(sight, Look)}
        found = await _each(looks, self._read)
        return {key: sight for key, sight in sights.items() if not isinstance(sight, Look)} | found

    async def _read(self, look: Look) -> Seen | Gone:
        document = await self._objects.read(look.namespace, look.name)
        if document is None:
            return Gone(look.namespace, look.name, look.uid)
        return sight_of(None, document, anew=True)

    async def _forget(self, gone: Gone) -> None:
        await self._tasks.delete(gone.namespace, gone.name, uid=gone.uid)
        self.memory.forget(gone.namespace, gone.name, gone.uid)
        self._statuses.gone(gone.uid)
        self._retry_clashing(gone.namespace)

    async def _record(self, seen: Mapping[str, Seen], left: dict[str, Sight]) -> None:
        wanted = await _definitions(seen, self._born)
        refused = {key: self._refusal(definition) for key, definition in wanted.items()}
        answers = await self._put({key: without_pool(wanted[key], refused[key]) for key in wanted})
        clashes = {
            key: without_name(wanted[key], answer.problems, str(answer))
            for key, answer in answers.items()
            if isinstance(answer, InvalidInput)
        }
        if clashes:
            answers = {**answers, **await self._put(clashes)}
        for key, answer in answers.items():
            if isinstance(answer, Task):
                told = told_of(seen[key], wanted[key], refused[key], clashes=key in clashes)
                self._recorded(seen[key], told)
                self._finish(key, left)
            else:
                _log.warning("NiceTask %s is tried again later: %s", key, answer)

    def _refusal(self, definition: TaskDefinition) -> str | None:
        return self._admits(definition.namespace, definition.spec.queue) if definition.spec else None

    async def _put(self, definitions: Mapping[str, TaskDefinition]) -> dict[str, Task | NiceError]:
        answers = await self._tasks.put_many(list(definitions.values()))
        return dict(zip(definitions, answers, strict=True))

    def _recorded(self, seen: Seen, told: Told) -> None:
        before = self.memory.get(told.namespace, told.name)
        if before is not None and before.uid != told.uid:
            self._statuses.gone(before.uid)
        self.memory.note(told)
        self._statuses.recorded(seen.shown)
        if before is not None and before.task_name != told.task_name:
            self._retry_clashing(told.namespace)

    def _retry_clashing(self, namespace: str) -> None:
        """A new name or a deletion may have set free the name that another task waits for."""
        for told in self.memory.clashing(namespace):
            self.look(told.namespace, told.name, told.uid)

    def _finish(self, key: str, left: dict[str, Sight]) -> None:
        del left[key]
        self._queue.done(key)


async def _definitions(seen: Mapping[str, Seen], born: datetime | None) -> dict[str, TaskDefinition]:
    found: dict[str, TaskDefinition] = {}
    for number, (key, sight) in enumerate(seen.items()):
        if number % BREATH == BREATH - 1:
            await asyncio.sleep(0)
        found[key] = definition_of(sight, born)
    return found


async def _each(sights: Mapping[str, S], work: Callable[[S], Awaitable[R]]) -> dict[str, R]:
    """The answers of those for which it went well; the others are said, and left."""
    answers = await asyncio.gather(*map(work, sights.values()), return_exceptions=True)
    found: dict[str, R] = {}
    for key, answer in zip(sights, answers, strict=True):
        if isinstance(answer, NiceError):
            _log.warning("NiceTask %s is tried again later: %s", key, answer)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found[key] = answer
    return found
