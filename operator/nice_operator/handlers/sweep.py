"""The sweep: a listing of our own against the database, for whatever no event told.

It deletes nothing and records nothing itself: it has objects looked at again, one by one. And it believes a
difference only when a second listing shows it too: an empty or a narrowed one may be the API server's mistake,
or a right that was taken away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from nice_operator.domain.errors import NiceError
from nice_operator.domain.task import KUBERNETES, Task
from nice_operator.handlers.needs import Tasks
from nice_operator.handlers.reconciler import Reconciler
from nice_operator.ports import ListedTask, TaskObjects

_log = logging.getLogger(__name__)

EVERY = 300.0
SETTLE = 3.0
AFTER_FAILURE = 10.0

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """``missing``: tasks without an object, by name with their uid; ``unheard``: objects whose present state
    is not recorded."""

    missing: Mapping[Name, str]
    unheard: Mapping[Name, ListedTask]

    def __bool__(self) -> bool:
        return bool(self.missing or self.unheard)

    def and_(self, later: Difference) -> Difference:
        """What both say."""
        return Difference(
            {name: uid for name, uid in self.missing.items() if later.missing.get(name) == uid},
            {name: seen for name, seen in self.unheard.items() if later.unheard.get(name) == seen},
        )


def difference(
    tasks: Sequence[Task],
    listed: Sequence[ListedTask],
    namespaces: Sequence[str],
    requested: Callable[[str, str], str | None],
) -> Difference:
    """Compares. Only tasks that came from an object, in a namespace that is watched (none given: all), can
    be missing. ``requested`` is the request that was told for an object, None if it is not known. Pure."""
    living = {(each.namespace, each.name): each for each in listed if not each.going}
    known = {(task.namespace, task.name): task for task in tasks}
    missing = {
        name: task.uid
        for name, task in known.items()
        if task.origin == KUBERNETES and _watched(task.namespace, namespaces)
        if name not in living or living[name].uid != task.uid
    }
    unheard = {
        name: each for name, each in living.items() if not _recorded(each, known.get(name), requested(*name))
    }
    return Difference(missing, unheard)


def _watched(namespace: str, namespaces: Sequence[str]) -> bool:
    return not namespaces or namespace in namespaces


def _recorded(listed: ListedTask, task: Task | None, requested: str | None) -> bool:
    return (
        task is not None
        and task.uid == listed.uid
        and task.observed_generation >= listed.generation
        and requested == listed.requested
    )


class Sweep:
    """``on_unheard`` is called when the watch has not told what it should have, ``on_clean`` when all is as
    the watch told."""

    def __init__(
        self,
        tasks: Tasks,
        objects: TaskObjects,
        reconciler: Reconciler,
        namespaces: Sequence[str],
        *,
        on_unheard: Callable[[], None],
        on_clean: Callable[[], None],
        every: float = EVERY,
        settle: float = SETTLE,
    ) -> None:
        self._tasks = tasks
        self._objects = objects
        self._reconciler = reconciler
        self._namespaces = tuple(namespaces)
        self._on_unheard = on_unheard
        self._on_clean = on_clean
        self._every = every
        self._settle = settle

    async def run(self) -> None:
        """At once, where only deletions are looked for, because the watch is about to list the rest; then
        every so often."""
        first = True
        while True:
            try:
                await self._once(deletions_only=first)
            except NiceError as error:
                _log.warning("the sweep of NiceTasks is tried again in %.0f s: %s", AFTER_FAILURE, error)
                await asyncio.sleep(min(AFTER_FAILURE, self._every))
                continue
            first = False
            await asyncio.sleep(self._every)

    async def _once(self, *, deletions_only: bool) -> None:
        found = await self._compare()
        if deletions_only:
            found = Difference(found.missing, {})
        if found:
            await asyncio.sleep(self._settle)
            found = found.and_(await self._compare())
        for (namespace, name), uid in found.missing.items():
            self._reconciler.look(namespace, name, uid)
        for (namespace, name), listed in found.unheard.items():
            self._reconciler.look(namespace, name, listed.uid)
        if found.missing:
            _log.info("%d tasks have no NiceTask any more and no event told it", len(found.missing))
        if found.unheard:
            _log.warning("%d NiceTasks changed and no event told it", len(found.unheard))
            self._on_unheard()
        elif not deletions_only:
            self._on_clean()

    async def _compare(self) -> Difference:
        """Tasks first: what comes between the two readings is in the listing, and not missing."""
        tasks = await self._tasks.all()
        places = self._namespaces or (None,)
        listed = [each for place in places for each in await self._objects.list(place)]
        return difference(tasks, listed, self._namespaces, self._requested)

    def _requested(self, namespace: str, name: str) -> str | None:
        told = self._reconciler.memory.get(namespace, name)
        return None if told is None else told.requested
