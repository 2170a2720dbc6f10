"""Fires what is due, in batches, each fire once: the store's guards decide, this only proposes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from nice_operator.domain.task import ConcurrencyPolicy
from nice_operator.engine import topics
from nice_operator.engine.planning import plan_due
from nice_operator.engine.settings import EngineSettings
from nice_operator.engine.workers import WorkerHub
from nice_operator.ports import DueTask, FirePlan, Store, Wakeups

_log = logging.getLogger(__name__)


class Scheduler:
    """Sleeps until the next fire is due, at most a second, and less when told that schedules changed.

    ``writing`` is shared with whoever records definitions: a plan is made and written before the
    schedule that it was made from changes.
    """

    name = "scheduler"

    def __init__(
        self,
        store: Store,
        hub: WorkerHub,
        wakeups: Wakeups,
        settings: EngineSettings,
        writing: asyncio.Lock,
    ) -> None:
        self._store = store
        self._hub = hub
        self._wakeups = wakeups
        self._settings = settings
        self._writing = writing

    async def run(self, beat: Callable[[], None]) -> None:
        """Fire for as long as the engine runs."""
        async with self._wakeups.subscribe(topics.DUE) as woken:
            while True:
                async with self._writing:
                    pause = await self._round()
                beat()
                if pause is not None:
                    await woken.wait(pause)

    async def _round(self) -> float | None:
        """Seconds until there may be something to do; None when more may be due at once."""
        now, due = await self._store.due_tasks(self._settings.fire_batch)
        plans = [plan for task in due if (plan := _plan(task, now)) is not None]
        fired = await self._store.fire(plans) if plans else 0
        if fired:
            self._wakeups.publish(topics.QUEUE, topics.RUNS, topics.TASKS)
            await self._hub.recheck({plan.task.id for plan in plans if _replaces(plan)})
        if due and not fired:  # what is due cannot be fired, or somebody else did: asking at once would spin
            return self._settings.poll
        return None if len(due) == self._settings.fire_batch else await self._pause(now)

    async def _pause(self, now: datetime) -> float:
        """Seconds until there may be something to do."""
        upcoming = await self._store.next_due()
        if upcoming is None:
            return self._settings.poll
        return min(self._settings.poll, max(0.0, (upcoming - now).total_seconds()))


def _plan(task: DueTask, now: datetime) -> FirePlan | None:
    """One task whose plan fails must not hold up the others."""
    try:
        return plan_due(task, now)
    except Exception:
        _log.exception("the fires of task %s/%s cannot be planned", task.task.namespace, task.task.name)
        return None


def _replaces(plan: FirePlan) -> bool:
    spec = plan.task.spec
    return spec is not None and spec.concurrency.policy is ConcurrencyPolicy.REPLACE
