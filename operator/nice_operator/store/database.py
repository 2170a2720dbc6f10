"""Connections, threads and group commit.

Every write is a function of a transaction. While one transaction commits, further writes gather; the
next transaction takes them all, so durable and fast go together. Nobody waits on purpose to gather more:
that measured slower. When a group fails it is rolled back whole and each member tried alone, so that one
bad write never spoils its neighbours.

Every operation must be safe to repeat: a COMMIT whose answer was lost is tried again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from nice_operator.domain.errors import NiceError, Unavailable
from nice_operator.store.dialect import Clock, connect
from nice_operator.store.faults import Fault, judge, unavailable
from nice_operator.store.tx import Tx

T = TypeVar("T")

READERS = 4
GROUP = 256
"""Most writes in one transaction: bounds how long its locks are held."""
TRIES = 5
BUDGET = 8.0
"""Seconds after which a failing transaction is not tried again."""
ANSWER_WITHIN = 10.0
"""Seconds after which a caller hears Unavailable, whatever the server does."""

_PASSING = (Fault.RETRY, Fault.RACE, Fault.GONE)


class _Spoiled(Exception):
    """A member refused after it had written: its writes must not be committed with the others'."""


@dataclass(slots=True)
class _Member(Generic[T]):
    """One write, and who waits for it."""

    operation: Callable[[Tx], T]
    future: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one member: a value, or the error that its caller shall see."""

    value: Any = None
    error: BaseException | None = None


class Database:
    """A writer with its own thread and connection, and a few readers."""

    def __init__(self, url: sa.URL, clock: Clock) -> None:
        self.writer = connect(url, writer=True, size=1, clock=clock)
        self.reader = connect(url, writer=False, size=READERS, clock=clock)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._waiting: list[_Member[Any]] = []
        self._committer: asyncio.Task[None] | None = None
        self._closed = False

    async def read(self, operation: Callable[[Tx], T]) -> T:
        """Run a query in a thread. Raises Unavailable."""
        self._refuse_when_closed()
        loop = asyncio.get_running_loop()
        return await _answer(loop.run_in_executor(self._read_threads, self._read, operation))

    async def write(self, operation: Callable[[Tx], T]) -> T:
        """Commit ``operation`` together with whatever else waits. Raises Unavailable, and the domain errors
        that it raises itself. An operation may run more than once; it looks before it writes."""
        self._refuse_when_closed()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Member(operation, future))
        if self._committer is None:
            self._committer = asyncio.create_task(self._commit_all())
        return await _answer(future)

    async def run_alone(self, work: Callable[[sa.Engine], T]) -> T:
        """Run something that needs the writing engine for itself, before anything else is written."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, work, self.writer)
        except sa.exc.SQLAlchemyError as error:
            raise _translated(error) from error

    async def close(self) -> None:
        """Finish what waits, then let go of threads and connections."""
        self._closed = True
        if self._committer is not None:
            await self._committer
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
        while self._waiting:
            taken, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
            group = [member for member in taken if not member.future.done()]
            results = await loop.run_in_executor(self._write_thread, self._commit, group)
            for member, result in zip(group, results, strict=True):
                _settle(member.future, result)
        self._committer = None

    def _commit(self, group: Sequence[_Member[Any]]) -> Sequence[_Result]:
        if len(group) > 1:
            try:
                return self._persist(group)
            except Exception as error:
                if judge(error) in (Fault.GONE, Fault.DOWN):  # what fails for all must not fail one by one
                    return [_Result(error=unavailable(error)) for _ in group]
        return [self._commit_alone(member) for member in group]

    def _commit_alone(self, member: _Member[Any]) -> _Result:
        try:
            return self._persist([member])[0]
        except _Spoiled as spoiled:
            return _Result(error=spoiled.__cause__)
        except Exception as error:
            return _Result(error=_translated(error))

    def _persist(self, group: Sequence[_Member[Any]]) -> Sequence[_Result]:
        """One transaction, tried again while its failure is one that passes."""
        give_up = time.monotonic() + BUDGET
        for attempt in range(TRIES):
            try:
                with self.writer.begin() as connection:
                    return _apply(Tx(connection), group)
            except Exception as error:
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
                    return operation(Tx(connection))
            except sa.exc.SQLAlchemyError as error:
                if judge(error) not in _PASSING or time.monotonic() + 0.1 > give_up:
                    raise _translated(error) from error
                time.sleep(random.uniform(0, 0.1))  # noqa: S311  jitter, not a secret


def _apply(tx: Tx, group: Sequence[_Member[Any]]) -> Sequence[_Result]:
    results = []
    for member in group:
        before = tx.writes
        try:
            results.append(_Result(member.operation(tx)))
        except NiceError as refusal:
            if tx.writes != before:
                raise _Spoiled from refusal
            results.append(_Result(error=refusal))
    return results


def _translated(error: Exception) -> Exception:
    return error if judge(error) is Fault.BUG else unavailable(error)


def _settle(future: asyncio.Future[Any], result: _Result) -> None:
    if future.done():
        return  # whoever asked has gone
    if result.error is not None:
        future.set_exception(result.error)
    else:
        future.set_result(result.value)


async def _answer(future: asyncio.Future[T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):  # wait_for of Python 3.11 may swallow a cancellation
            return await future
    except TimeoutError:
        message = (
            f"the database did not answer within {ANSWER_WITHIN:g} s; the same request may succeed later"
        )
        raise Unavailable(message) from None
