"""Runs on request: ask, look, wait, cancel, run again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from nice_operator.domain.errors import Conflict, Forbidden, NotFound, Unavailable
from nice_operator.domain.ids import RunId
from nice_operator.domain.run import Attempt, JsonObject, Requester, Run
from nice_operator.domain.task import ConcurrencyPolicy, Task
from nice_operator.engine import topics
from nice_operator.engine.endings import Endings, RunEnd, end_of
from nice_operator.engine.requests import RunRequest, new_run, rerun_of
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.workforce import Workforce
from nice_operator.ports import CancelResult, Clock, NewRun, RunFilter, RunPage, Store, Submitted, Wakeups

__all__ = ["RunRequest", "RunService"]

LARGE_PAYLOAD = 16 * 1024
"""From so many characters on a payload is checked in a thread; below, a thread costs more than it saves."""


class RunService:
    """What every door calls for runs. Errors are those of ``domain.errors``."""

    def __init__(
        self,
        store: Store,
        hub: Workforce,
        wakeups: Wakeups,
        clock: Clock,
        settings: EngineSettings,
        endings: Endings,
    ) -> None:
        self._store = store
        self._hub = hub
        self._wakeups = wakeups
        self._clock = clock
        self._settings = settings
        self._endings = endings
        self._draining = False

    def refuse_new(self) -> None:
        """From now on requests are refused: this server is about to end, and nobody would answer."""
        self._draining = True

    async def request(self, request: RunRequest) -> Submitted:
        """Record a run; it is claimed as soon as a worker is free.

        Raises InvalidInput (payload), Conflict (policy, suspended, stalled, deleted), KeyReused, and
        Unavailable while this server is draining.
        """
        self._may_ask()
        return await self._submit(await _checked(len(request.payload or ""), lambda: new_run(request)))

    async def rerun(self, run_id: RunId, requester: Requester, payload: str | None = None) -> Submitted:
        """Run the same again with its payload or another, by the present version of its task."""
        self._may_ask()
        parent = await self.get(run_id)
        task = await self._living_task(parent)
        size = len(parent.payload if payload is None else payload)
        return await self._submit(await _checked(size, lambda: rerun_of(parent, task, payload, requester)))

    async def _living_task(self, run: Run) -> Task:
        task = await self._store.get_task_by_id(run.task_id)
        if task is None or task.deleted_at is not None:
            raise Conflict(f"task {run.namespace}/{run.task} was deleted, so run {run.id} cannot run again")
        return task

    async def _submit(self, new: NewRun) -> Submitted:
        self._wakeups.publish(topics.COMING)
        submitted = await self._store.submit(new)
        if submitted.created:
            run = topics.run(submitted.run.id)
            self._wakeups.publish(topics.QUEUE, topics.RUNS, topics.TASKS, run)
            await self._stop_replaced(new.task)
        return submitted

    async def _stop_replaced(self, task: Task) -> None:
        if task.spec and task.spec.concurrency.policy is ConcurrencyPolicy.REPLACE:
            await self._hub.recheck({task.id})

    async def get(self, run_id: RunId) -> Run:
        """Raises NotFound."""
        run = await self._store.get_run(run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}; it may have been deleted with its task's old history")
        return run

    async def attempts(self, run_id: RunId) -> Sequence[Attempt]:
        """Its executions, oldest first."""
        return await self._store.attempts(run_id)

    async def list(self, wanted: RunFilter) -> RunPage:
        """Newest first."""
        return await self._store.list_runs(wanted)

    async def manifest_of(self, run: Run) -> JsonObject | None:
        """The spec, as written, that the run was made for."""
        return await self._store.get_version(run.task_id, run.generation)

    async def wait(self, run_id: RunId, timeout: float | None) -> Run:
        """The run as soon as it is final, or as it stands after ``timeout`` seconds. Raises NotFound."""
        deadline = None if timeout is None else self._clock.monotonic() + timeout
        async with self._wakeups.subscribe(topics.end(run_id)) as ended:
            while True:
                run = await self.get(run_id)
                left = self._settings.poll
                if deadline is not None:
                    left = min(left, deadline - self._clock.monotonic())
                if run.state.final or left <= 0:
                    return run
                await ended.wait(left)

    async def end(self, run: Run, timeout: float) -> RunEnd:
        """How ``run``, as it was when just submitted, ends; or how it stands after ``timeout`` seconds. Where
        this server records the end nothing is asked of the database. Raises NotFound."""
        if run.state.final:
            return end_of(run)
        deadline = self._clock.monotonic() + timeout
        with self._endings.expected(run.id) as told:
            async with self._wakeups.subscribe(topics.end(run.id)) as ended:
                while True:
                    left = min(self._settings.poll, deadline - self._clock.monotonic())
                    await ended.wait(max(left, 0.0))
                    if told.end is not None:
                        return told.end
                    run = await self.get(run.id)
                    if run.state.final or self._clock.monotonic() >= deadline:
                        return end_of(run)

    async def cancel(self, run_id: RunId, requester: Requester) -> CancelResult:
        """Stop it: at once when it waits, else its worker is told at once. Cancelling twice is the same.

        Raises NotFound, and Conflict when the run has ended otherwise.
        """
        self._may_act()
        result = await self._store.cancel(run_id, requester)
        self._hub.cancel(run_id)
        self._wakeups.publish(topics.run(run_id), topics.RUNS, topics.TASKS, topics.QUEUE)
        if result.run.state.final:
            self._wakeups.publish(topics.end(run_id))
        return result

    def _may_ask(self) -> None:
        self._may_act()
        if self._draining:
            raise Unavailable(
                "this server is draining: it lets what runs finish and then ends; the request was not taken, "
                "send it again when the server is back"
            )

    def _may_act(self) -> None:
        if self._settings.view_only:
            raise Forbidden("this server only shows (--view-only); it starts and stops nothing")


async def _checked(size: int, make: Callable[[], NewRun]) -> NewRun:
    """Checking a large payload against its schema may take a second: in a thread then, because everybody else
    waits for this loop."""
    return make() if size < LARGE_PAYLOAD else await asyncio.to_thread(make)
