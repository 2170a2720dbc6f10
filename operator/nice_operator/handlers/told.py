"""What the engine was last told of each object: spares it what is no news to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nice_operator.domain.task import TaskDefinition
from nice_operator.handlers.seen import Seen, key_of
from nice_operator.ports import KnownTask
from nice_operator.resources import queue_of_manifest


@dataclass(frozen=True, slots=True)
class Told:
    """``task_name`` and ``queue`` are what its spec says ("" when it is not good), ``refused`` is what the
    pools said to that; ``clashes``: another task has the name that it wants."""

    namespace: str
    name: str
    uid: str
    generation: int
    requested: str
    task_name: str = ""
    queue: str = ""
    refused: str | None = None
    clashes: bool = False

    @property
    def key(self) -> str:
        """Its key in the queue."""
        return key_of(self.namespace, self.name)


class Memory:
    """By key. Every status write and every foreign annotation comes back as an event; most say nothing."""

    def __init__(self) -> None:
        self._told: dict[str, Told] = {}

    def __iter__(self) -> Iterator[Told]:
        return iter(list(self._told.values()))

    def get(self, namespace: str, name: str) -> Told | None:
        """What was told under that name."""
        return self._told.get(key_of(namespace, name))

    def knows(self, seen: Seen) -> bool:
        """Whether the spec and the request of the object are as they were told."""
        told = self.get(seen.shown.namespace, seen.shown.name)
        now = (seen.shown.uid, seen.shown.generation, seen.requested)
        return told is not None and (told.uid, told.generation, told.requested) == now

    def note(self, told: Told) -> None:
        """It was told."""
        self._told[told.key] = told

    def forget(self, namespace: str, name: str, uid: str) -> None:
        """It is gone, unless another one has its name by now."""
        told = self.get(namespace, name)
        if told is not None and told.uid == uid:
            del self._told[told.key]

    def clashing(self, namespace: str) -> list[Told]:
        """Who waits for a name of that namespace."""
        return [told for told in self if told.clashes and told.namespace == namespace]


def told_before(seen: Seen, task: KnownTask) -> Told | None:
    """What was told of an object that looks as it is in force, read from it without checking it again; None
    when that cannot be."""
    shown = seen.shown
    spec = seen.document["spec"]
    queue = queue_of_manifest(spec, namespace=shown.namespace, task_name=task.task_name)
    if queue is None:
        return None
    return Told(
        shown.namespace, shown.name, shown.uid, shown.generation, seen.requested, task.task_name, queue
    )


def told_of(seen: Seen, wanted: TaskDefinition, refused: str | None, *, clashes: bool = False) -> Told:
    """``wanted`` is what the object declares, whatever pools and names said to it."""
    return Told(
        seen.shown.namespace,
        seen.shown.name,
        seen.shown.uid,
        seen.shown.generation,
        seen.requested,
        wanted.spec.task_name if wanted.spec else "",
        wanted.spec.queue if wanted.spec else "",
        refused,
        clashes,
    )
