"""Reading logs: pages, and following a run until its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from nice_operator.domain.errors import NotFound
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Run, RunState
from nice_operator.engine import topics
from nice_operator.engine.settings import EngineSettings
from nice_operator.ports import LogChunk, LogStore, Store, Wakeups

PAGE_BYTES = 256 * 1024


class LogService:
    """Logs of attempts, by run and number."""

    def __init__(self, store: Store, logs: LogStore, wakeups: Wakeups, settings: EngineSettings) -> None:
        self._store = store
        self._logs = logs
        self._wakeups = wakeups
        self._settings = settings

    async def append(self, run_id: RunId, attempt: int, chunks: Sequence[LogChunk]) -> None:
        """Store lines (repeating them is harmless) and wake whoever follows."""
        await self._logs.append(run_id, attempt, chunks)
        self._wakeups.publish(topics.run(run_id))

    async def read(
        self, run_id: RunId, attempt: int, after: int = 0, max_bytes: int = PAGE_BYTES
    ) -> Sequence[LogChunk]:
        """Chunks with lines after number ``after``, about ``max_bytes`` of text."""
        return await self._logs.read(run_id, attempt, after, max_bytes)

    async def follow(
        self, run_id: RunId, attempt: int | None = None, after: int = 0
    ) -> AsyncIterator[LogChunk]:
        """Chunks as they come.

        With ``attempt``: that one's, until it is over. Without: the present one's and those that follow
        it, until the run is final. Raises NotFound.
        """
        number = attempt
        async with self._wakeups.subscribe(topics.run(run_id)) as woken:
            while True:
                run = await self._run(run_id)
                number = number or run.attempt or None
                chunks = await self._read(run_id, number, after)
                for chunk in chunks:
                    yield chunk
                    after = chunk.last
                if chunks:
                    continue
                if attempt is None and number is not None and run.attempt > number:
                    number, after = number + 1, 0
                elif run.state.final or (attempt is not None and _over(run, attempt)):
                    return
                else:
                    await woken.wait(self._settings.poll)

    async def _read(self, run_id: RunId, attempt: int | None, after: int) -> Sequence[LogChunk]:
        return await self._logs.read(run_id, attempt, after, PAGE_BYTES) if attempt else ()

    async def _run(self, run_id: RunId) -> Run:
        run = await self._store.get_run(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}; it may have been deleted with its task's old history")
        return run


def _over(run: Run, attempt: int) -> bool:
    """Whether an attempt of a run that goes on can have no more lines: it is retried already, or will be."""
    return run.attempt > attempt or (run.attempt == attempt and run.state is RunState.QUEUED)
