"""Logs in two places, read as one: lines are in the database while their attempt lives, and in CloudWatch for
good. Both number them alike, so a reader's cursor means the same in both, and nobody who reads is told from
where a line comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nice_operator.domain.errors import Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import LogSummary, Run, RunState
from nice_operator.logs.cutting import cut, unbroken
from nice_operator.ports import LiveLogs, LogChunk, LogStore, RunLogs, RunQueries


@dataclass(frozen=True, slots=True)
class _Standing:
    """``over``: the attempt writes no more. ``summary``: what its worker said of the log's end, if it did."""

    over: bool
    summary: LogSummary | None

    def may_have(self, first: int, last: int | None) -> bool:
        """Whether lines from ``first`` to ``last`` (None: to the end) may be anywhere at all."""
        if self.summary is None:
            return True
        upto = self.summary.lines if last is None else last
        return first <= upto and not any(low <= first and upto <= high for low, high in self.summary.gaps)


class JointLogStore:
    """``ports.LogStore``. ``live`` gets every line, and is asked first; ``kept`` is asked for what ``live``
    does not have: what was dropped there (``mover``), what never came (the operator was away, the worker
    died). Both may have the same line; it is told once."""

    def __init__(self, live: LiveLogs, kept: LogStore, runs: RunQueries) -> None:
        self._live = live
        self._kept = kept
        self._runs = runs

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        """Into the database; the worker itself brings them to CloudWatch."""
        await self._live.append(run_id, attempt, chunks)

    async def read(self, run_id: RunId, attempt: int, after: int, max_bytes: int) -> Sequence[LogChunk]:
        """In order, from the line after ``after``. Raises Unavailable when lines may be where nobody
        answers."""
        live = cut(await self._live.read(run_id, attempt, after, max_bytes), after)
        if live and live[0].first == after + 1:
            return unbroken(live)
        before = live[0].first if live else None
        if not await self._worth_asking(run_id, attempt, after + 1, before):
            return unbroken(live)
        kept = await self._from_kept(run_id, attempt, after, max_bytes, live)
        return cut(kept, after, before) or unbroken(live)

    async def delete(self, runs: Sequence[RunLogs]) -> None:
        """In both."""
        await self._live.delete(runs)
        await self._kept.delete(runs)

    async def _worth_asking(self, run_id: RunId, attempt: int, first: int, before: int | None) -> bool:
        """Whether lines from ``first`` on may be kept elsewhere. Whoever follows a living attempt waits for
        the next line here."""
        standing = await self._standing(run_id, attempt)
        if standing is None or (before is None and not standing.over):
            return False
        return standing.may_have(first, None if before is None else before - 1)

    async def _from_kept(
        self, run_id: RunId, attempt: int, after: int, max_bytes: int, live: Sequence[LogChunk]
    ) -> Sequence[LogChunk]:
        try:
            return await self._kept.read(run_id, attempt, after, max_bytes)
        except Unavailable:
            standing = await self._standing(run_id, attempt)
            if live and standing is not None and not standing.over:
                return ()  # whoever follows gets the next lines now, and the missing ones with the whole log
            raise

    async def _standing(self, run_id: RunId, attempt: int) -> _Standing | None:
        run = await self._runs.get_run(run_id)
        if run is None or attempt > run.attempt:
            return None
        if not _over(run, attempt):
            return _Standing(False, None)
        return _Standing(True, await self._summary(run, attempt))

    async def _summary(self, run: Run, attempt: int) -> LogSummary | None:
        if run.state.final and run.attempt == attempt and run.log is not None:
            return run.log
        attempts = await self._runs.attempts(run.id)
        return next((one.log for one in attempts if one.number == attempt and not one.stale), None)


def _over(run: Run, attempt: int) -> bool:
    return run.attempt > attempt or run.state.final or run.state is RunState.QUEUED
