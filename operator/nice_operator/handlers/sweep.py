"""The sweep: a listing of our own against the database, for whatever no event told.

It deletes nothing and records nothing itself: it has objects looked at again, one by one. And it believes
a difference only when a second listing shows it too: an empty or a narrowed one may be the API server's
mistake, or a right that was taken away.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nice_operator.domain.errors import NiceError
from nice_operator.domain.task import KUBERNETES
from nice_operator.handlers.needs import Tasks
from nice_operator.handlers.reconciler import Reconciler
from nice_operator.ports import KnownTask, ListedTask, TaskObjects

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
    tasks: Sequence[KnownTask],
    listed: Sequence[ListedTask],
    namespaces: Sequence[str],
    requested: Callable[[str, str], str | None],
) -> Difference:
    """Compares. ``requested`` is the request that was told for an object, None if it is not known. Pure."""
    living = {(each.namespace, each.name): each for each in listed if not each.going}
    known = {(task.namespace, task.name): task for task in tasks}
    unheard = {
        name: each for name, each in living.items() if not _recorded(each, known.get(name), requested(*name))
    }
    return Difference(missing(tasks, {name: each.uid for name, each in living.items()}, namespaces), unheard)


def missing(
    tasks: Sequence[KnownTask], living: Mapping[Name, str], namespaces: Sequence[str]
) -> dict[Name, str]:
    """The uids of tasks without an object, by name; ``living`` are those of the objects. Only tasks that came
    from an object, in a namespace that is watched (none given: all), can be missing. Pure."""
    return {
        (task.namespace, task.name): task.uid
        for task in tasks
        if task.origin == KUBERNETES and _watched(task.namespace, namespaces)
        if living.get((task.namespace, task.name)) != task.uid
    }


def _watched(namespace: str, namespaces: Sequence[str]) -> bool:
    return not namespaces or namespace in namespaces


def _recorded(listed: ListedTask, task: KnownTask | None, requested: str | None) -> bool:
    return (
        task is not None
        and task.uid == listed.uid
        and task.observed_generation >= listed.generation
        and requested == listed.requested
    )


def _identity(metadata: Mapping[str, Any]) -> tuple[Name, str]:
    return (metadata["namespace"], metadata["name"]), metadata["uid"]


def _going(metadata: Mapping[str, Any]) -> bool:
    return bool(metadata.get("deletionTimestamp"))


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
        self._missing: Mapping[Name, str] = {}
        """What the listing at the beginning did not have."""

    async def begin(self, hear: Callable[[Mapping[str, Any]], None], *, until: float | None = None) -> None:
        """Tell ``hear`` of every object there is, which is faster than the watch's own listing by half: the
        watch, which is to begin after it, has then little news. Tries until all have answered. ``until``: the
        moment of the event loop's time from which it does not wait for what it told to be recorded.

        Tasks of namespaces that are not watched any more go, or they would fire for ever, whatever becomes of
        their objects. Their history stays; watched again, they come back as themselves.
        """
        await self._until_answered(lambda: self._begin(hear, until))

    async def _begin(self, hear: Callable[[Mapping[str, Any]], None], until: float | None) -> None:
        tasks = await self._tasks.known()
        await self._forget_unwatched(tasks)
        self._reconciler.expect(tasks)
        self._missing = missing(tasks, await self._tell_all(hear, until), self._namespaces)

    async def _forget_unwatched(self, tasks: Sequence[KnownTask]) -> None:
        for task in tasks:
            if task.origin == KUBERNETES and not _watched(task.namespace, self._namespaces):
                _log.info("task %s/%s goes: its namespace is not watched", task.namespace, task.name)
                await self._tasks.delete(task.namespace, task.name, uid=task.uid)

    async def run(self) -> None:
        """Look for deletions at once, then for every difference every so often, until cancelled."""
        await self._until_answered(lambda: self._look_at(Difference(self._missing, {})))
        while True:
            await asyncio.sleep(self._every)
            await self._until_answered(self._once)

    async def _until_answered(self, work: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await work()
                return
            except NiceError as error:
                pause = min(AFTER_FAILURE, self._every)
                _log.warning("the sweep of NiceTasks is tried again in %.0f s: %s", pause, error)
                await asyncio.sleep(pause)

    async def _tell_all(
        self, hear: Callable[[Mapping[str, Any]], None], until: float | None
    ) -> Mapping[Name, str]:
        """The uids of those that are there, by name."""
        living: dict[Name, str] = {}
        for place in self._places:
            async for page in self._objects.pages(place):
                for document in page:
                    hear(document)
                living |= dict(_identity(each["metadata"]) for each in page if not _going(each["metadata"]))
                await self._reconciler.room(until)
        return living

    async def _once(self) -> None:
        found = await self._look_at(await self._compare())
        if found.unheard:
            _log.warning("%d NiceTasks changed and no event told it", len(found.unheard))
            self._on_unheard()
        else:
            self._on_clean()

    async def _look_at(self, found: Difference) -> Difference:
        """What another listing shows too is read again; the answer."""
        if found:
            await asyncio.sleep(self._settle)
            found = found.and_(await self._compare())
        for (namespace, name), uid in found.missing.items():
            self._reconciler.look(namespace, name, uid)
        for (namespace, name), listed in found.unheard.items():
            self._reconciler.look(namespace, name, listed.uid)
        if found.missing:
            _log.info("%d tasks have no NiceTask any more and no event told it", len(found.missing))
        return found

    @property
    def _places(self) -> Sequence[str | None]:
        return self._namespaces or (None,)

    async def _compare(self) -> Difference:
        """Tasks first: what comes between the two readings is in the listing, and not missing."""
        tasks = await self._tasks.known()
        listed = [each for place in self._places for each in await self._objects.list(place)]
        found = difference(tasks, listed, self._namespaces, self._requested)
        late = {name: each for name, each in found.unheard.items() if not self._reconciler.waits(*name)}
        return Difference(found.missing, late)

    def _requested(self, namespace: str, name: str) -> str | None:
        told = self._reconciler.memory.get(namespace, name)
        return None if told is None else told.requested
