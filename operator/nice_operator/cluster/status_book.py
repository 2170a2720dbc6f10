"""Whose status may need to be written, and when: what every object shows, and what was written to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nice_operator.domain.ids import TaskId
from nice_operator.ports import ShownTask

SHORTEST = 1.0
LONGEST = 10.0
"""Seconds between two writes to one object: the shortest, and what they double to while it keeps changing."""
CALM = 30.0
"""Seconds without a write after which an object is quick again."""


@dataclass(slots=True)
class Entry:
    """One object. ``written`` is what we applied last, ``settled`` what the object showed after that (which
    is less where an older resource definition prunes a field)."""

    shown: ShownTask
    task_id: TaskId | None = None
    written: bytes = b""
    settled: bytes = b""
    written_version: str = ""
    written_at: float = float("-inf")
    pause: float = SHORTEST
    busy: bool = False

    def shows(self, document: bytes) -> bool:
        """Whether the object shows this status, or all of it that can be shown."""
        shown = self.shown.status
        return shown == document or (self.written == document and self.settled == shown)


class StatusBook:
    """``ports.TaskStatuses``: told by whoever watches. All calls belong to the event loop's thread."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._entries: dict[str, Entry] = {}
        self._uids: dict[TaskId, str] = {}
        self._due: dict[str, float] = {}
        self._complete = True
        self.changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> int:
        """Objects whose status may have to be written."""
        return len(self._due)

    # ------------------------------------------------------------ what others tell

    def begin(self) -> None:
        """Forget everything: all of it is about to be shown again, and nobody's time comes before it was."""
        self._complete = False
        self._entries.clear()
        self._uids.clear()
        self._due.clear()

    def complete(self) -> None:
        """All has been shown."""
        self._complete = True
        self.changed.set()

    def recorded(self, task: ShownTask) -> None:
        """It was just recorded: its status may say something else now."""
        self._see(task)
        self.touch(task.uid)

    def shown(self, task: ShownTask) -> None:
        """It looks like this. Its own status comes back after each write, and says nothing new."""
        entry = self._see(task)
        if entry is None or entry.shown.status != entry.settled:
            self.touch(task.uid)

    def gone(self, uid: str) -> None:
        """There is no such object any more."""
        entry = self._entries.pop(uid, None)
        self._due.pop(uid, None)
        if entry is not None and entry.task_id is not None:
            self._uids.pop(entry.task_id, None)

    def _see(self, task: ShownTask) -> Entry | None:
        """The entry that was there before, with what is newer of it."""
        entry = self._entries.get(task.uid)
        if entry is None:
            self._entries[task.uid] = Entry(task)
        elif not _older(task.version, entry.written_version):
            status = entry.settled if task.status == entry.settled else task.status
            # Its names stay the ones we have: each event brings copies, of which thousands would be kept.
            entry.shown = replace(
                entry.shown, generation=task.generation, version=task.version, status=status
            )
        return entry

    # ------------------------------------------------------------ what is to be done

    def touch(self, uid: str) -> None:
        """Its status may have changed; it is looked at as soon as its pause allows."""
        entry = self._entries.get(uid)
        if entry is not None:
            self._due.setdefault(uid, max(self._monotonic(), entry.written_at + entry.pause))
            self.changed.set()

    def touch_tasks(self, tasks: Collection[TaskId]) -> None:
        """The same by the database's own identifier."""
        for task_id in tasks:
            if task_id in self._uids:
                self.touch(self._uids[task_id])

    def touch_all(self) -> None:
        """Look at every one of them."""
        for uid in self._entries:
            self.touch(uid)

    def take(self, most: int) -> Sequence[str]:
        """Whose time has come; they are busy until ``release``."""
        if not self._complete:
            return ()
        now = self._monotonic()
        ready = (uid for uid, at in self._due.items() if at <= now and not self._entries[uid].busy)
        due = list(islice(ready, most))  # not all of ten thousand are looked at for each hundred
        for uid in due:
            del self._due[uid]
            self._entries[uid].busy = True
        return due

    def until_due(self) -> float | None:
        """Seconds until the next one's time comes, None when nobody waits."""
        if not self._complete:
            return None
        waiting = [at for uid, at in self._due.items() if not self._entries[uid].busy]
        return max(0.0, min(waiting) - self._monotonic()) if waiting else None

    def get(self, uid: str) -> Entry | None:
        """What is known of it."""
        return self._entries.get(uid)

    def know(self, uid: str, task_id: TaskId) -> None:
        """Which task it is in the database."""
        entry = self._entries.get(uid)
        if entry is not None and entry.task_id != task_id:
            entry.task_id = task_id
            self._uids[task_id] = uid

    # ------------------------------------------------------------ what was done

    def agree(self, entry: Entry, document: bytes) -> None:
        """It shows what it should."""
        entry.settled = entry.shown.status
        entry.written = entry.settled if entry.settled == document else document

    def wrote(self, entry: Entry, document: bytes, settled: bytes, version: str) -> None:
        """``document`` was applied, and then it showed ``settled``."""
        now = self._monotonic()
        calm = now - entry.written_at > CALM
        entry.pause = SHORTEST if calm else min(2 * entry.pause, LONGEST)
        entry.written_at = now
        entry.written = document
        entry.settled = document if settled == document else settled
        entry.written_version = version
        if not _older(version, entry.shown.version):  # else somebody wrote after us, and was heard first
            entry.shown = replace(entry.shown, status=entry.settled, version=version)

    def release(self, uid: str, *, again_in: float | None = None) -> None:
        """It is not worked on any more; ``again_in`` seconds it shall be looked at again."""
        entry = self._entries.get(uid)
        if entry is None:
            return
        entry.busy = False
        if again_in is not None:
            self._due[uid] = self._monotonic() + again_in
        if uid in self._due:
            self.changed.set()


def _older(version: str, than: str) -> bool:
    """Whether an event is from before our own last write. Kubernetes' versions are growing numbers."""
    return version.isdigit() and than.isdigit() and int(version) < int(than)
