"""Connections, threads and group commit.

Every write is a function of a transaction. While one transaction commits, further writes gather; the
next transaction takes them all, so durable and fast go together. Nobody waits on purpose to gather more:
that measured slower. When a group fails it is rolled back whole and each member tried alone, so that one
bad write never spoils its neighbours.

Every operation must be safe to repeat: a COMMIT whose answer was lost is tried again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import sqlalchemy as sa

from nice_operator.domain.errors import Unavailable
from nice_operator.store.dialect import Clock, connect, is_mysql
from nice_operator.store.faults import Fault, judge, means_disconnect, unavailable
from nice_operator.store.group import Kind, Member, Result, Spoiled, apply, apply_alone, settle
from nice_operator.store.place import DatabasePlace
from nice_operator.store.tx import Tx

T = TypeVar("T")

_log = logging.getLogger(__name__)

READERS = 4
GROUP = 256
"""Most writes in one transaction: bounds how long its locks are held."""
TRIES = 5
BUDGET = 8.0
"""Seconds after which a failing transaction is not tried again."""
SCHEMA_WITHIN = 3600
"""Seconds that one change of the schema may take."""
ANSWER_WITHIN = 10.0
"""Seconds after which a caller hears Unavailable, whatever the server does."""

_PASSING = (Fault.RETRY, Fault.RACE, Fault.GONE)


class Database:
    """A writer with its own thread and connection, and a few readers. On a server there is one more writer, a
    reserve for what is urgent: a slow transaction must cost no worker its lease."""

    def __init__(self, url: sa.URL | DatabasePlace, clock: Clock, *, reserve: bool = True) -> None:
        self._schema: Callable[[], sa.Engine] = lambda: connect(
            url, writer=True, size=1, clock=clock, patience=SCHEMA_WITHIN
        )
        self.writer = connect(url, writer=True, size=1, clock=clock)
        self.reader = connect(url, writer=False, size=READERS, clock=clock)
        self._clock = None if is_mysql(self.writer.dialect) else clock
        self.reserve: Database | None = None
        if reserve and is_mysql(self.writer.dialect):
            self.reserve = Database(url, clock, reserve=False)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._waiting: deque[Member[Any]] = deque()
        self._urgent: deque[Member[Any]] = deque()
        self._committer: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, operation: Callable[[Tx], T]) -> T:
        """Run a query in a thread. Raises Unavailable."""
        self._refuse_when_closed()
        loop = asyncio.get_running_loop()
        return await _answer(loop.run_in_executor(self._read_threads, self._read, operation))

    async def write(
        self, operation: Callable[[Tx], T], kind: Kind[T] | None = None, *, urgent: bool = False
    ) -> T:
        """Commit ``operation`` together with whatever else waits. Raises Unavailable, and the domain errors
        that it raises itself. An operation may run more than once; it looks before it writes.

        Writes that wait at the same time have no order among them: whoever needs one awaits the first.
        ``kind`` lets it be decided with others of its kind. ``urgent`` writes pass all others."""
        self._refuse_when_closed()
        if urgent and self.reserve is not None:
            return await self.reserve.write(operation, kind)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        (self._urgent if urgent else self._waiting).append(Member(operation, future, kind))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_all())
        return await _answer(future)

    async def run_alone(self, work: Callable[[sa.Engine], T]) -> T:
        """Run something that needs the writing engine for itself, before anything else is written."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, work, self.writer)
        except sa.exc.SQLAlchemyError as error:
            raise _translated(error) from error

    async def change_schema(self, work: Callable[[sa.Engine], T]) -> T:
        """The same with an engine of its own, which waits long: a large table takes its time."""

        def change(_: sa.Engine) -> T:
            engine = self._schema()
            try:
                return work(engine)
            finally:
                engine.dispose()

        return await self.run_alone(change)

    async def close(self) -> None:
        """Finish what waits, then let go of threads and connections."""
        self._closed = True
        if self._committer is not None:
            await self._committer
        if self.reserve is not None:
            await self.reserve.close()
        await asyncio.to_thread(self._shut_down)

    def _shut_down(self) -> None:
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self.writer.dispose()
        self.reader.dispose()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed: the server is shutting down")

    async def _commit_all(self) -> None:
        loop = asyncio.get_running_loop()
        while group := self._take():
            results = await loop.run_in_executor(self._write_thread, self._commit, group)
            for member, result in zip(group, results, strict=True):
                settle(member.future, result)
        self._committer = None

    def _take(self) -> Sequence[Member[Any]]:
        """The next group: the urgent, then the others by age; without those whose callers have gone."""
        group: list[Member[Any]] = []
        for queue in (self._urgent, self._waiting):
            while queue and len(group) < GROUP:
                member = queue.popleft()
                if not member.future.done():
                    group.append(member)
        return group

    def _commit(self, group: Sequence[Member[Any]]) -> Sequence[Result]:
        try:
            return self._persist(lambda tx: apply(tx, group))
        except Exception as error:
            if judge(error) in (Fault.GONE, Fault.DOWN):  # what fails for all must not fail one by one
                return [Result(error=unavailable(error)) for _ in group]
            if not isinstance(error, Spoiled):
                told = getattr(error, "orig", error)
                _log.warning("%d writes fail together and are tried one by one: %s", len(group), told)
        return [self._commit_alone(member) for member in group]

    def _commit_alone(self, member: Member[Any]) -> Result:
        try:
            return self._persist(lambda tx: apply_alone(tx, member))
        except Spoiled as spoiled:
            return Result(error=spoiled.__cause__)
        except Exception as error:
            return Result(error=_translated(error))

    def _persist(self, work: Callable[[Tx], T]) -> T:
        """One transaction, tried again while its failure is one that passes."""
        give_up = time.monotonic() + BUDGET
        for attempt in range(TRIES):
            try:
                with self.writer.begin() as connection:
                    return work(Tx(connection, self._clock))
            except Exception as error:
                if means_disconnect(getattr(error, "orig", error)):
                    self.reader.dispose()  # they look at the same demoted server, and nothing tells them
                if judge(error) not in _PASSING or attempt + 1 == TRIES:
                    raise
                pause = random.uniform(0, 0.02 * 2**attempt)  # noqa: S311  jitter, not a secret
                if time.monotonic() + pause > give_up:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable: the last try returns or raises")

    def _read(self, operation: Callable[[Tx], T]) -> T:
        give_up = time.monotonic() + BUDGET
        while True:
            try:
                with self.reader.connect() as connection:
                    return operation(Tx(connection, self._clock))
            except sa.exc.SQLAlchemyError as error:
                if judge(error) not in _PASSING or time.monotonic() + 0.1 > give_up:
                    raise _translated(error) from error
                time.sleep(random.uniform(0, 0.1))  # noqa: S311  jitter, not a secret


def _translated(error: Exception) -> Exception:
    return error if judge(error) is Fault.BUG else unavailable(error)


async def _answer(future: asyncio.Future[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):  # wait_for of Python 3.11 may swallow a cancellation
            return await future
    except TimeoutError:
        message = (
            f"the database did not answer within {ANSWER_WITHIN:g} s; the same request may succeed later"
        )
        raise Unavailable(message) from None
