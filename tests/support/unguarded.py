"""Guards taken out of a real store, to show what would happen without them: constraints from its schema,
words from its statements on their way to the driver. Nothing of the product is patched.

And servers that stand still between their look and their act, as frozen ones do, so that a race that is
seldom happens each time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from nice_operator.store import SqlStore
from tests.support.mariadb import MariaDb


@dataclass(frozen=True)
class Guard:
    """What stands against one fault. ``constraint``: an index of ``runs``; ``words``: what statements about
    tasks say, and will not say."""

    name: str
    constraint: str = ""
    words: Sequence[str] = ()

    def take_from_schema(self, server: MariaDb, database: str) -> None:
        """Drop the constraint, if it is one."""
        if self.constraint:
            server.execute(f"ALTER TABLE `{database}`.runs DROP INDEX {self.constraint}")

    def words_in(self, statement: str) -> Sequence[str]:
        """Those that it says."""
        return [words for words in self.words if "tasks" in statement and words in statement]

    def without(self, statement: str) -> str:
        """The statement as it would be without this guard."""
        for words in self.words_in(statement):
            statement = statement.replace(words, " ")
        return statement


CURSOR = Guard("the cursor", words=(" FOR UPDATE", " changed.next_fire_at = told.was_next_fire_at_ AND "))
"""The lock on a task that fires, and the comparison with the moment that was planned."""
KEY = Guard("the unique key", constraint="uq_runs_task_id_fire_key")
LOCK = Guard("the lock on the task", words=(" FOR UPDATE",))
"""Whoever admits a run of a bounded task holds it."""
SLOT = Guard("the unique slot", constraint="uq_runs_active_key")


@dataclass
class Meeting:
    """So many servers wait for each other after each ``look``, but for ``patience`` seconds at most: a guard
    may keep one from looking while another one is between look and act."""

    servers: int
    look: str
    patience: float
    met: int = 0
    _barrier: threading.Barrier = field(init=False)

    def __post_init__(self) -> None:
        self._barrier = threading.Barrier(self.servers, action=self._meet, timeout=self.patience)

    def wait(self) -> None:
        """For the others, or for long enough."""
        with suppress(threading.BrokenBarrierError):
            self._barrier.wait()
            return
        self._barrier.reset()

    def _meet(self) -> None:
        self.met += 1


def unguarded(store: SqlStore, guards: Sequence[Guard], meeting: Meeting) -> set[str]:
    """From now on what the store writes lacks the guards' words, and it stands still after each look. Returns
    the words that no statement has said yet: a guard that is written otherwise now was not taken away."""
    writer = store.database.writer
    unsaid = {words for guard in guards for words in guard.words}

    @event.listens_for(writer, "before_cursor_execute", retval=True)
    def shorten(
        connection: object, cursor: object, statement: str, parameters: Any, context: object, many: bool
    ) -> tuple[str, Any]:
        for guard in guards:
            unsaid.difference_update(guard.words_in(statement))
            statement = guard.without(statement)
        return statement, parameters

    @event.listens_for(writer, "after_cursor_execute")
    def stand(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if meeting.look in statement:
            meeting.wait()

    return unsaid
