"""What both doors ask of the engine: run a job to its end, schedule one, take one back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

from nice_operator.domain.errors import InvalidInput, NotFound, TaskChanged, Unavailable
from nice_operator.domain.run import Requester, Run
from nice_operator.domain.task import Task
from nice_operator.engine.endings import RunEnd, end_of
from nice_operator.engine.runs import RunRequest
from nice_operator.engine.service import Engine
from nice_operator.web.options import WebOptions
from nice_operator.web.requests import parse_run_id

WAIT_SECONDS = 15.0
"""How long one wait for a run's end lasts before we look whether the caller is still there."""
OUTAGE_SECONDS = 0.5


class Calls:
    """The engine, as one caller of the job API sees it."""

    def __init__(self, engine: Engine, options: WebOptions, requester: Requester) -> None:
        self._engine = engine
        self._options = options
        self._requester = requester

    async def names(self) -> Sequence[str]:
        """The names that can be processed now."""
        return await self._engine.jobs.names(self._options.namespace)

    async def known(self, name: str) -> Task | None:
        """The task of that name, if there is one now."""
        return await self._engine.jobs.known(self._options.namespace, name)

    async def task(self, name: str) -> Task:
        """The task of that name, waiting for somebody to bring it. Raises NotFound."""
        wait = self._options.unknown_name_wait.total_seconds()
        return await self._engine.jobs.task(self._options.namespace, name, wait)

    async def submit(
        self, name: str, task: Task, payload: str | None, key: str | None = None, *, named: bool = False
    ) -> Run:
        """Record a request for ``task``, which ``name`` stands for, or stood. ``named``: its worker is told
        ``options`` in any case."""
        wanted = RunRequest(task, payload, self._requester, idempotency_key=key, names_payload=named)
        return await self._record(wanted, lambda: self.task(name))

    async def _record(self, wanted: RunRequest, look_up: Callable[[], Awaitable[Task]]) -> Run:
        """The task may have been looked up a while ago: when it has changed, or refuses a payload that its
        present version may take, it is looked up again."""
        try:
            return (await self._engine.runs.request(replace(wanted, exact=True))).run
        except (TaskChanged, InvalidInput):
            self._engine.jobs.forget(wanted.task)
        return (await self._engine.runs.request(replace(wanted, task=await look_up()))).run

    async def end_of(self, run: Run, listening: Callable[[], bool]) -> RunEnd:
        """The run's end, or how it stands when nobody listens any more: that cancels nothing. An outage of
        the database is waited out."""
        end = end_of(run)
        while not end.state.final and listening():
            try:
                end = await self._engine.runs.end(run, WAIT_SECONDS)
            except Unavailable:
                await self._engine.clock.sleep(OUTAGE_SECONDS)
        return end

    async def schedule(
        self, when: datetime, name: str, payload: str | None, key: str | None = None, *, named: bool = False
    ) -> Run:
        """Record a job for a moment; a past one runs at once. ``named`` as for ``submit``."""

        async def look_up() -> Task:
            return await self._engine.jobs.task_for_later(self._options.namespace, name)

        wanted = RunRequest(
            await look_up(),
            payload,
            self._requester,
            idempotency_key=key,
            available_at=when,
            scheduled=True,
            names_payload=named,
        )
        return await self._record(wanted, look_up)

    async def unschedule(self, job: object) -> bool:
        """Take back a scheduled job; False for whatever is not the id of one that waits."""
        try:
            run_id = parse_run_id(job if isinstance(job, str) else "")
        except NotFound:
            return False
        return await self._engine.jobs.unschedule(self._options.namespace, run_id, self._requester)
