"""A leader in the test's own process: a whole engine whose definitions come from a real API server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from nice_operator.cluster.api import KubeApi
from nice_operator.cluster.events import EventPoster
from nice_operator.cluster.objects import KubeTaskObjects
from nice_operator.cluster.status import StatusWriter
from nice_operator.domain.task import Task
from nice_operator.handlers.duty import KubernetesDuty
from nice_operator.handlers.needs import Pools
from nice_operator.handlers.watch import WatchSettings
from nice_operator.ports import KubeAccess, Term
from tests.cluster.kubectl import Answer, Kubectl
from tests.support.engine import Harness, running_engine

logging.getLogger("kopf").setLevel(logging.ERROR)

WITHIN = 90.0
"""Seconds; machines that do much else are slow."""
LOOK_EVERY = 0.05
VERSION = "nicecommander.dev/v1beta1"
T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, within: float = WITHIN) -> T:
    """What ``look`` finds as soon as it finds something. Other processes tell nothing, so one has to look."""
    deadline = asyncio.get_running_loop().time() + within
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"{what}: not so after {within:g} s"
        await asyncio.sleep(LOOK_EVERY)


def manifest(name: str, *, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A NiceTask that works, and what a test wants otherwise."""
    return {
        "apiVersion": VERSION,
        "kind": "NiceTask",
        "metadata": {"name": name} | ({"annotations": annotations} if annotations else {}),
        "spec": {"timeoutAfter": "1 minute", "run": {"external": {}}} | spec,
    }


@dataclass
class Kube:
    """kubectl in one namespace, without keeping the event loop of the leader from its work."""

    kubectl: Kubectl
    namespace: str

    async def __call__(self, *arguments: str, text: str | None = None) -> str:
        return await asyncio.to_thread(self.kubectl, *arguments, "-n", self.namespace, text=text)

    async def attempt(self, *arguments: str, text: str | None = None) -> Answer:
        """Whatever comes of it."""
        return await asyncio.to_thread(self.kubectl.attempt, *arguments, "-n", self.namespace, text=text)

    async def apply(self, *documents: dict[str, Any]) -> None:
        """As people do: client side, so that the object remembers what was applied."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        await self("apply", "-f", "-", text=text)

    async def get(self, name: str) -> dict[str, Any]:
        """A NiceTask as it is now."""
        found: dict[str, Any] = json.loads(await self("get", "nicetask", name, "-o", "json"))
        return found

    async def condition(self, name: str, kind: str) -> dict[str, Any]:
        """One of its conditions; empty without it."""
        conditions = (await self.get(name)).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    async def ready(self, name: str, status: str = "True") -> dict[str, Any]:
        """The object as soon as its status is about its present generation, and Ready says so."""

        async def look() -> dict[str, Any] | None:
            found = await self.get(name)
            current = found["status"].get("observedGeneration") == found["metadata"]["generation"]
            conditions = {each["type"]: each["status"] for each in found["status"].get("conditions", [])}
            return found if current and conditions.get("Ready") == status else None

        return await eventually(look, f"{name} is Ready={status}")

    async def events(self, name: str) -> list[dict[str, Any]]:
        """Its Events."""
        selector = f"involvedObject.name={name}"
        found = json.loads(await self("get", "events", "--field-selector", selector, "-o", "json"))
        items: list[dict[str, Any]] = found["items"]
        return items


@dataclass
class Leader:
    """An engine at work, which leads between ``lead`` and ``resign``."""

    harness: Harness
    duty: KubernetesDuty
    writer: StatusWriter
    namespace: str
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def lead(self) -> None:
        """Begin a term."""
        term = Term(1, "test")
        self._tasks = [asyncio.create_task(duty.lead(term)) for duty in (self.duty, self.writer)]

    async def resign(self) -> None:
        """End it. What failed in it fails the test."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks = []

    async def task(self, name: str) -> Task | None:
        """The living task of that name."""
        return await self.harness.store.get_task(self.namespace, name)

    async def recorded(self, name: str, generation: int = 1) -> Task:
        """The task as soon as it has that generation."""

        async def look() -> Task | None:
            task = await self.task(name)
            return task if task is not None and task.observed_generation >= generation else None

        return await eventually(look, f"generation {generation} of {name} is recorded")

    async def deleted(self, name: str) -> None:
        """As soon as there is no such task any more."""

        async def look() -> bool:
            return await self.task(name) is None

        await eventually(look, f"{name} is deleted")

    async def settled(self) -> None:
        """As soon as all that was heard is recorded and shown."""

        async def look() -> bool:
            return self.duty.health().waiting == 0 and self.writer.book.waiting == 0

        await eventually(look, "everything is recorded and shown")


@asynccontextmanager
async def a_leader(
    path: Path,
    access: KubeAccess,
    namespace: str,
    *,
    pools: Pools | None = None,
    inactivity: float = 70.0,
    sweep_every: float = 300.0,
    sweep_settle: float = 0.3,
) -> AsyncIterator[Leader]:
    """One that does not lead yet, on the database file at ``path``, for one namespace."""
    api = await KubeApi.connect(access)
    try:
        async with running_engine(path) as harness:
            events = EventPoster(api, "test")
            writer = StatusWriter(harness.store, api, harness.engine.wakeups, events)
            duty = KubernetesDuty(
                WatchSettings(access, [namespace], inactivity=inactivity),
                harness.engine.tasks,
                KubeTaskObjects(api),
                writer.book,
                pools=pools,
                sweep_every=sweep_every,
                sweep_settle=sweep_settle,
            )
            leader = Leader(harness, duty, writer, namespace)
            try:
                yield leader
            finally:
                await leader.resign()
    finally:
        await api.close()
