"""The one writer of the status of NiceTasks: what the database says, shown on the objects.

It is told of objects, listens for what moves, and looks by itself: a wake-up that is lost costs seconds. Each
object is written at most once a second (less often while it keeps changing), and only if it shows something
else than it should.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import orjson

from nice_operator.cluster.api import JsonDocument, KubeApi
from nice_operator.cluster.errors import KubeRefused, KubeUnavailable
from nice_operator.cluster.events import EventPoster
from nice_operator.cluster.facts import StatusStore, read_facts
from nice_operator.cluster.objects import tasks_path
from nice_operator.cluster.pace import Pace
from nice_operator.cluster.status_book import Entry, StatusBook
from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import TaskId
from nice_operator.domain.notices import notices
from nice_operator.domain.run import ACTIVE_STATES, RunState
from nice_operator.domain.status import TaskFacts, status_of
from nice_operator.ports import Movement, ShownTask, Term, Wakeups
from nice_operator.resources import API_VERSION, KIND, canonical

_log = logging.getLogger(__name__)

TOPICS = ("tasks", "runs")
BATCH = 100
PUMPS = 2
RATE, BURST = 500.0, 100
LOOK_AT_LEAST_EVERY = 5.0
LOOK_AT_MOST_EVERY = 0.5
LOOK_SHARE = 20
"""A look takes at most one part in so many of the time."""
LATELY = timedelta(seconds=20)
LOOK_AT_ALL_EVERY = 900.0
FORBIDDEN_PAUSE = 60.0


class StatusWriter:
    """A ``ports.Duty``; its ``book`` is the ``ports.TaskStatuses`` that the watcher tells."""

    name = "status"

    def __init__(
        self,
        store: StatusStore,
        api: KubeApi,
        wakeups: Wakeups,
        events: EventPoster,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._api = api
        self._wakeups = wakeups
        self._events = events
        self.book = StatusBook(monotonic)
        self._pace = Pace(RATE, BURST, monotonic)
        self._monotonic = monotonic
        self.written = 0
        """Statuses written since the program began."""

    async def lead(self, term: Term) -> None:
        """Until the term ends."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._events.run())
            for _ in range(PUMPS):
                group.create_task(self._pump())

    # ------------------------------------------------------------ whose runs have moved

    async def _listen(self) -> None:
        before: Mapping[tuple[TaskId, RunState], Movement] | None = None
        looked_at_all = self._monotonic()
        async with self._wakeups.subscribe(*TOPICS) as changed:
            while True:
                began = self._monotonic()
                try:
                    now = _by_place(await self._store.movements(LATELY))
                except Unavailable as error:
                    _log.warning("statuses are late: %s", error)
                else:
                    self.book.touch_tasks(_moved(before, now))
                    before = now
                if began - looked_at_all > LOOK_AT_ALL_EVERY:
                    self.book.touch_all()
                    looked_at_all = began
                await asyncio.sleep(max(LOOK_AT_MOST_EVERY, LOOK_SHARE * (self._monotonic() - began)))
                await changed.wait(LOOK_AT_LEAST_EVERY)

    # ------------------------------------------------------------ writing

    async def _pump(self) -> None:
        while True:
            uids = self.book.take(BATCH)
            if not uids:
                await self._wait()
                continue
            try:
                found = await read_facts(self._store, uids)
            except Unavailable as error:
                _log.warning("statuses are late: %s", error)
                for uid in uids:
                    self.book.release(uid, again_in=1.0)
                await asyncio.sleep(1.0)
                continue
            await asyncio.gather(*(self._refresh(uid, found.by_uid.get(uid), found.now) for uid in uids))

    async def _wait(self) -> None:
        self.book.changed.clear()
        try:
            async with asyncio.timeout(self.book.until_due()):
                await self.book.changed.wait()
        except TimeoutError:
            return

    async def _refresh(self, uid: str, facts: TaskFacts | None, now: datetime) -> None:
        """Write the status of one object if it should say something else."""
        entry, again_in = self.book.get(uid), None
        try:
            if entry is not None and facts is not None and _is_about(facts, entry.shown):
                self.book.know(uid, facts.task.id)
                await self._bring(entry, facts, now)
        except KubeUnavailable as error:
            level = logging.DEBUG if self._pace.resting else logging.WARNING  # once for all that wait
            again_in = self._pace.failed(error.retry_after)
            _log.log(level, "statuses wait %.1f s: %s", again_in, error)
        except KubeRefused as error:
            again_in = self._refused(error)
        except Exception:
            _log.exception("the status of NiceTask %s cannot be told", uid)
        finally:
            self.book.release(uid, again_in=again_in)

    async def _bring(self, entry: Entry, facts: TaskFacts, now: datetime) -> None:
        shown = entry.shown
        before = orjson.loads(shown.status)
        status = status_of(facts, before, now)
        document = canonical(status)
        if entry.shows(document):
            self.book.agree(entry, document)
            return
        await self._pace.turn()
        answer = await self._api.apply(
            f"{tasks_path(shown.namespace, shown.name)}/status", _patch(shown, status)
        )
        self._pace.answered()
        self.written += 1
        version = str(answer["metadata"].get("resourceVersion", ""))
        self.book.wrote(entry, document, canonical(answer.get("status") or {}), version)
        for notice in notices(before, status, facts, now):
            self._events.post(shown, notice)

    def _refused(self, error: KubeRefused) -> float | None:
        """How long to wait before trying again; None: until something changes."""
        if error.gone:  # whoever watches will tell
            return None
        _log.error("a status cannot be written: %s", error)
        return FORBIDDEN_PAUSE if error.status in (401, 403) else None


def _patch(shown: ShownTask, status: JsonDocument) -> JsonDocument:
    """The uid makes sure that it is still the same object."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": shown.name, "namespace": shown.namespace, "uid": shown.uid},
        "status": status,
    }


def _is_about(facts: TaskFacts, shown: ShownTask) -> bool:
    """Whether the database has recorded what the object declares now; else it will, and say so."""
    return facts.task.observed_generation >= shown.generation


def _by_place(movements: Sequence[Movement]) -> Mapping[tuple[TaskId, RunState], Movement]:
    return {(each.task_id, each.state): each for each in movements}


def _moved(
    before: Mapping[tuple[TaskId, RunState], Movement] | None,
    now: Mapping[tuple[TaskId, RunState], Movement],
) -> set[TaskId]:
    """Whose active runs differ, or who has newer or more final ones. Fewer final ones are only older now."""
    if before is None:
        return {task_id for task_id, _ in now}
    moved = {place[0] for place in before if place[1] in ACTIVE_STATES and place not in now}
    return moved | {place[0] for place, each in now.items() if _news(before.get(place), each)}


def _news(before: Movement | None, now: Movement) -> bool:
    if before is None or now.state in ACTIVE_STATES:
        return before != now
    return now.newest > before.newest or now.count > before.count
