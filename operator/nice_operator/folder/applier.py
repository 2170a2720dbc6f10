"""Brings the sink to what the catalogue says: deletes what is gone, puts what is new or changed."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nice_operator.domain.errors import InvalidInput, NiceError, Problem
from nice_operator.domain.names import uid_of
from nice_operator.domain.payload import dump_json
from nice_operator.domain.task import UNDECLARED, TaskDefinition
from nice_operator.folder.catalogue import Catalogue, file_of
from nice_operator.folder.reading import Identity
from nice_operator.folder.sink import TaskSink

_log = logging.getLogger(__name__)

SETTLE_SECONDS = 0.25
"""How long a task must be missing before it is deleted. Many editors empty a file and then write it; what is
read in between says that all its tasks are gone."""


@dataclass(slots=True)
class Applied:
    """What came of one application: problems of the sink by file, and whether to look again soon."""

    problems: dict[str, list[Problem]] = field(default_factory=lambda: defaultdict(list))
    unsettled: bool = False


class Applier:
    """Remembers what the sink was told, so that nothing is said twice."""

    def __init__(self, sink: TaskSink, monotonic: Callable[[], float]) -> None:
        self._sink = sink
        self._monotonic = monotonic
        self._told: dict[Identity, str] = {}
        self._origins: dict[Identity, str] = {}
        self._missing_since: dict[Identity, float] = {}
        self._first = True

    async def recall(self) -> None:
        """Ask the sink which of its tasks came from a folder. Raises NiceError."""
        for listed in await self._sink.list():
            identity = (listed.task.namespace, listed.task.name)
            if listed.task.uid == uid_of(*identity) and listed.task.origin != UNDECLARED:
                self._origins[identity] = listed.task.origin

    async def apply(self, catalogue: Catalogue, *, settle: float = SETTLE_SECONDS) -> Applied:
        """Deletions first: a name that one task gives up may be taken by another."""
        result = Applied()
        for identity in self._gone(catalogue):
            await self._delete(identity, settle, result)
        pending = [task for identity, task in catalogue.tasks.items() if self._is_news(identity, task)]
        # A second round, because two tasks may have exchanged what only one can have.
        for task in [task for task in pending if not await self._put(task, None)]:
            await self._put(task, result)
        self._first = False
        return result

    def _gone(self, catalogue: Catalogue) -> list[Identity]:
        gone = [
            identity
            for identity, origin in self._origins.items()
            if identity not in catalogue.tasks and not catalogue.keeps(identity, origin)
        ]
        self._missing_since = {
            identity: self._missing_since.get(identity, self._monotonic()) for identity in gone
        }
        return gone

    def _is_news(self, identity: Identity, task: TaskDefinition) -> bool:
        return self._told.get(identity) != _fingerprint(task)

    async def _delete(self, identity: Identity, settle: float, result: Applied) -> None:
        if self._monotonic() - self._missing_since[identity] < settle:
            result.unsettled = True
            return
        try:
            await self._sink.delete(*identity)
        except NiceError as error:
            _log.warning("task %s/%s could not be deleted, trying again: %s", *identity, error)
            return
        _log.info(
            "task %s/%s is gone: what it had queued is cancelled, what runs is being stopped; its runs and "
            "their logs are kept, by run id",
            *identity,
        )
        self._told.pop(identity, None)
        self._origins.pop(identity, None)

    async def _put(self, task: TaskDefinition, result: Applied | None) -> bool:
        """Whether the sink took it; what it says otherwise goes to ``result``."""
        identity = (task.namespace, task.name)
        try:
            await self._sink.put(task)
        except NiceError as error:
            if result is not None:
                _tell(task, error, result.problems)
            return False
        self._say(identity, task)
        self._told[identity] = _fingerprint(task)
        self._origins[identity] = task.origin
        return True

    def _say(self, identity: Identity, task: TaskDefinition) -> None:
        """What is there at the start is no news; a stalled version is told as its file's problem."""
        if not self._first and not task.stalled:
            _log.info(
                "task %s/%s %s (%s)", *identity, "changed" if identity in self._told else "came", task.origin
            )


def _tell(task: TaskDefinition, error: NiceError, problems: Mapping[str, list[Problem]]) -> None:
    line = int(task.origin.rpartition(":")[2])
    found = (
        error.problems if isinstance(error, InvalidInput) and error.problems else (Problem("", str(error)),)
    )
    problems[file_of(task.origin)] += [Problem(each.field, each.message, each.line or line) for each in found]


def _fingerprint(task: TaskDefinition) -> str:
    """Not equality of values, for which 1 and true are the same."""
    return dump_json([task.manifest, task.origin, task.stalled, dict(task.annotations)])
