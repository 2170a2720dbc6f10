"""The sweep at work: one bad answer of the API server deletes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nice_operator.domain.errors import Unavailable
from nice_operator.engine.annotations import REQUESTED_AT
from nice_operator.handlers.definition import definition_of
from nice_operator.handlers.queue import KeyedQueue
from nice_operator.handlers.reconciler import Reconciler
from nice_operator.handlers.seen import Seen, Sight, sight_of
from nice_operator.handlers.sweep import Sweep
from nice_operator.ports import ListedTask
from tests.integration.test_handlers_reconciler import Bench, Objects, bench, shown


@dataclass
class ListedObjects(Objects):
    """``answers`` are given once each, in this order; after them the truth."""

    answers: list[Sequence[ListedTask] | Exception] = field(default_factory=list)
    listed: int = 0

    async def list(self, namespace: str | None) -> Sequence[ListedTask]:
        self.listed += 1
        answer = self.answers.pop(0) if self.answers else [_listed(each) for each in self.by_name.values()]
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Heard:
    """What the sweep says of the watch."""

    unheard: int = 0
    clean: int = 0

    def tell_unheard(self) -> None:
        self.unheard += 1

    def tell_clean(self) -> None:
        self.clean += 1


def _listed(document: Any) -> ListedTask:
    metadata = document["metadata"]
    return ListedTask("team", metadata["name"], metadata["uid"], metadata["generation"], "", going=False)


@asynccontextmanager
async def sweeping(path: Path, *names: str) -> AsyncIterator[tuple[Bench, ListedObjects, Sweep, Heard]]:
    """Objects of these names are there, and recorded."""
    async with bench(path) as made:
        objects = ListedObjects({name: shown(name) for name in names})
        made.reconciler._objects = objects
        for document in objects.by_name.values():
            made.see(None, document)
        await made.settled()
        heard = Heard()
        sweep = _sweep(made, objects, made.reconciler, heard)
        yield made, objects, sweep, heard


def _sweep(made: Bench, objects: ListedObjects, reconciler: Reconciler, heard: Heard) -> Sweep:
    return Sweep(
        made.tasks,
        objects,
        reconciler,
        (),
        on_unheard=heard.tell_unheard,
        on_clean=heard.tell_clean,
        every=0.01,
        settle=0.01,
    )


async def _next_term(made: Bench, objects: ListedObjects, heard: Heard) -> Reconciler:
    """What begins knowing nothing, when all that it heard at its beginning is done."""
    queue = KeyedQueue[Sight](lambda: 0.0)
    made.statuses.begin()
    reconciler = Reconciler(
        queue, made.tasks, objects, made.statuses, lambda namespace, waits_in: made.refusals.get(waits_in)
    )
    working = asyncio.create_task(reconciler.run())
    try:
        sweep = _sweep(made, objects, reconciler, heard)
        await sweep.begin(lambda document: reconciler.hear(sight_of(None, document)))
        assert await queue.quiet(10)
    finally:
        working.cancel()
    return reconciler


async def _run(sweep: Sweep, objects: ListedObjects, rounds: int) -> None:
    """Until so many lists were asked for."""
    running = asyncio.create_task(sweep.run())
    wanted = objects.listed + rounds
    async with asyncio.timeout(20):
        while objects.listed < wanted:
            await asyncio.sleep(0.005)
    running.cancel()


async def test_an_empty_or_narrowed_listing_alone_deletes_nothing(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "a", "b", "c") as (made, objects, sweep, _):
        narrowed = [_listed(objects.by_name["a"])]
        objects.answers = [(), [_listed(each) for each in objects.by_name.values()], narrowed]

        await _run(sweep, objects, 8)
        await made.settled()

        assert objects.reads == []
        assert len(await made.tasks.known()) == 3


async def test_listings_that_stay_empty_delete_nothing_while_the_objects_can_be_read(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "a", "b") as (made, objects, sweep, _):
        objects.answers = [()] * 6

        await _run(sweep, objects, 8)
        await made.settled()

        assert {"a", "b"} <= set(objects.reads)
        assert len(await made.tasks.known()) == 2


async def test_a_deletion_that_nobody_told_is_found(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "stays", "goes") as (made, objects, sweep, _):
        del objects.by_name["goes"]

        await _run(sweep, objects, 3)
        await made.settled()

        assert [task.name for task in await made.tasks.known()] == ["stays"]


async def test_a_change_that_nobody_told_is_recorded_and_the_watch_is_blamed(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "edited") as (made, objects, sweep, heard):
        objects.by_name["edited"] = shown("edited", generation=2, description="new")

        await _run(sweep, objects, 6)
        await made.settled()

        edited = await made.task("edited")
        assert edited is not None
        assert edited.generation == 2
        assert heard.unheard >= 1


async def test_an_api_server_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "a") as (made, objects, sweep, heard):
        objects.answers = [Unavailable("away"), Unavailable("away")]

        await _run(sweep, objects, 6)

        assert len(await made.tasks.known()) == 1
        assert heard.clean >= 1


async def test_what_an_older_leader_brought_back_is_mended(tmp_path: Path) -> None:
    """A frozen leader that wakes records the object that it had in hand, which another one replaced."""
    async with sweeping(tmp_path, "phoenix") as (made, objects, sweep, _):
        old = objects.by_name["phoenix"]
        objects.by_name["phoenix"] = shown("phoenix", uid="new")
        made.see("ADDED", objects.by_name["phoenix"])
        await made.settled()
        await made.harness.engine.tasks.put_many([_definition(old)])
        brought_back = await made.task("phoenix")
        assert brought_back is not None
        assert brought_back.uid == "uid-phoenix"

        await _run(sweep, objects, 6)
        await made.settled()

        mended = await made.task("phoenix")
        assert mended is not None
        assert mended.uid == "new"


def _definition(document: Any) -> Any:
    sight = sight_of(None, document)
    assert isinstance(sight, Seen)
    return definition_of(sight)


async def test_tasks_of_a_namespace_that_is_not_watched_any_more_go(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "a", "b") as (made, objects, sweep, _):
        await sweep.begin(lambda document: None)
        assert len(await made.tasks.known()) == 2
        narrowed = Sweep(
            made.tasks, objects, made.reconciler, ["other"], on_unheard=lambda: None, on_clean=lambda: None
        )

        await narrowed.begin(lambda document: None)

        assert await made.tasks.known() == []


async def test_a_new_term_records_nothing_that_is_in_force_as_it_looks(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "same", "edited", "asking", "refused") as (made, objects, _, heard):
        objects.by_name["edited"] = shown("edited", generation=2, description="new")
        objects.by_name["asking"] = shown("asking", annotations={REQUESTED_AT: "2026-01-02T00:00:00Z"})
        objects.by_name["new"] = shown("new")
        made.refusals["task:team/refused"] = "that pool is not for you; ask for another"
        puts = made.tasks.puts

        next_term = await _next_term(made, objects, heard)

        assert made.tasks.puts - puts == 4
        assert ("shown", "uid-same") in made.statuses.said
        recorded = {uid for what, uid in made.statuses.said if what == "recorded"}
        assert recorded == {"uid-edited", "uid-asking", "uid-refused", "uid-new"}
        assert next_term.memory.get("team", "same") == made.reconciler.memory.get("team", "same")


async def test_a_stalled_task_is_looked_at_again_in_a_new_term(tmp_path: Path) -> None:
    async with sweeping(tmp_path) as (made, objects, _, heard):
        objects.by_name["stalled"] = shown("stalled", timeZone="Mars/Base")
        made.see(None, objects.by_name["stalled"])
        await made.settled()
        puts = made.tasks.puts

        await _next_term(made, objects, heard)

        assert made.tasks.puts - puts == 1


async def test_a_deletion_while_nobody_led_is_believed_when_a_second_listing_shows_it(tmp_path: Path) -> None:
    async with sweeping(tmp_path, "stays", "goes") as (made, objects, sweep, _):
        listed_before = objects.listed
        del objects.by_name["goes"]
        await sweep.begin(lambda document: None)
        assert objects.listed == listed_before

        await _run(sweep, objects, 1)
        await made.settled()

        assert [task.name for task in await made.tasks.known()] == ["stays"]
