"""A real directory, really watched, into a sink that remembers what it was told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nice_operator.domain.errors import InvalidInput, NotFound, Unavailable
from nice_operator.domain.names import uid_of
from nice_operator.domain.task import Task, TaskDefinition
from nice_operator.engine import topics
from nice_operator.folder import FolderReport, FolderSource
from tests.support.engine import Harness, running_engine

DEADLINE = 8.0


def _task(name: str, timeout: str = "5s") -> str:
    return (
        "apiVersion: nicecommander.dev/v1beta1\nkind: NiceTask\n"
        f"metadata: {{name: {name}}}\nspec: {{timeoutAfter: {timeout}, run: {{command: ['true']}}}}\n"
    )


@dataclass(frozen=True)
class Stored:
    """As much of a task as a folder looks at."""

    namespace: str
    name: str
    uid: str
    origin: str


@dataclass(frozen=True)
class Listed:
    task: Any


class Memory:
    """A sink that keeps the newest definition of each task, and tells whoever waits of it and of reports."""

    def __init__(self) -> None:
        self.tasks: dict[str, TaskDefinition | Stored] = {}
        self.puts = 0
        self.deleted: list[str] = []
        self.refusal: Exception | None = None
        self._changed = asyncio.Event()

    async def put(self, definition: TaskDefinition) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.tasks[definition.name] = definition
        self.puts += 1
        self._changed.set()

    async def delete(self, namespace: str, name: str) -> None:
        self.tasks.pop(name, None)
        self.deleted.append(name)
        self._changed.set()

    async def list(self) -> Sequence[Any]:
        return [Listed(task) for task in self.tasks.values()]

    def heard(self, report: FolderReport) -> None:
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE):
            while not holds():
                await self._changed.wait()
                self._changed.clear()

    def timeout_of(self, name: str) -> object:
        task = self.tasks[name]
        return task.manifest["timeoutAfter"] if isinstance(task, TaskDefinition) else None


@asynccontextmanager
async def _watched(directory: Path, sink: Memory) -> AsyncIterator[FolderSource]:
    source = FolderSource(directory, sink, on_report=sink.heard)
    await source.start()
    try:
        yield source
    finally:
        await source.stop()


@pytest.fixture
def sink() -> Memory:
    return Memory()


async def test_what_is_there_at_the_start_is_loaded_before_start_returns(
    tmp_path: Path, sink: Memory
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.yaml").write_text(_task("a"))

    async with _watched(tmp_path, sink) as source:
        assert set(sink.tasks) == {"a"}
        assert source.report.files[0].tasks == ("default/a",)
        assert source.broken() == []


async def test_a_new_a_changed_and_a_removed_file_are_followed(tmp_path: Path, sink: Memory) -> None:
    async with _watched(tmp_path, sink):
        file = tmp_path / "a.yaml"
        file.write_text(_task("a"))
        await sink.until(lambda: "a" in sink.tasks)

        file.write_text(_task("a", "6s"))
        await sink.until(lambda: sink.timeout_of("a") == "6s")

        file.unlink()
        await sink.until(lambda: not sink.tasks)


async def test_the_log_tells_what_comes_changes_goes_and_is_good_again(
    tmp_path: Path, sink: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nice_operator")
    file = tmp_path / "a.yaml"
    (tmp_path / "old.yaml").write_text(_task("old"))
    async with _watched(tmp_path, sink) as source:
        file.write_text(_task("a"))
        await sink.until(lambda: "a" in sink.tasks)
        file.write_text("nonsense")
        await sink.until(lambda: bool(source.broken()))
        file.write_text(_task("a", "6s"))
        await sink.until(lambda: sink.timeout_of("a") == "6s" and not source.broken())
        file.unlink()
        await sink.until(lambda: "a" not in sink.tasks)

    told = [record.getMessage() for record in caplog.records if record.levelname == "INFO"]
    assert [message.split(":")[0] for message in told] == [
        "task default/a came (a.yaml",
        "task default/a changed (a.yaml",
        "a.yaml is good again",
        "task default/a is gone",
    ]
    assert "by run id" in told[-1]


async def test_a_file_that_breaks_keeps_its_tasks_and_says_where(tmp_path: Path, sink: Memory) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_task("a") + "---\n" + _task("b"))
    async with _watched(tmp_path, sink) as source:
        file.write_text(_task("a", "never"))

        await sink.until(lambda: bool(source.broken()))

        assert source.broken()[0].path == "a.yaml"
        assert source.broken()[0].problems[0].line == 4
        (tmp_path / "c.yaml").write_text(_task("c"))
        await sink.until(lambda: "c" in sink.tasks)
        assert set(sink.tasks) == {"a", "b", "c"}

        file.write_text(_task("a", "7s"))
        await sink.until(lambda: set(sink.tasks) == {"a", "c"})
        await sink.until(lambda: not source.broken())


async def test_a_file_broken_at_the_start_deletes_nothing_that_the_database_knows(
    tmp_path: Path, sink: Memory
) -> None:
    for name, file in (("a", "broken.yaml"), ("gone", "removed.yaml")):
        sink.tasks[name] = Stored("default", name, uid_of("default", name), f"{file}:1")
    sink.tasks["registered"] = Stored("default", "registered", "by-a-worker", "")
    (tmp_path / "broken.yaml").write_text("[")

    async with _watched(tmp_path, sink):
        assert set(sink.tasks) == {"a", "registered"}


async def test_a_file_that_is_emptied_and_written_again_does_not_lose_its_tasks(
    tmp_path: Path, sink: Memory
) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(_task("a"))
    async with _watched(tmp_path, sink) as source:
        file.write_text("")
        await sink.until(lambda: source.report.files[0].tasks == ())
        file.write_text(_task("a", "6s"))
        await sink.until(lambda: sink.timeout_of("a") == "6s")

    assert sink.deleted == []


async def test_nothing_is_said_twice(tmp_path: Path, sink: Memory) -> None:
    (tmp_path / "a.yaml").write_text(_task("a"))
    async with _watched(tmp_path, sink):
        (tmp_path / "a.yaml").touch()
        (tmp_path / "b.yaml").write_text(_task("b"))
        await sink.until(lambda: "b" in sink.tasks)

        assert sink.puts == 2


@pytest.mark.parametrize("refusal", [InvalidInput("the name is taken"), Unavailable("the database is busy")])
async def test_what_the_sink_refuses_is_told_and_tried_again(
    tmp_path: Path, sink: Memory, refusal: Exception
) -> None:
    (tmp_path / "a.yaml").write_text(_task("a"))
    sink.refusal = refusal
    async with _watched(tmp_path, sink) as source:
        assert str(refusal) in source.broken()[0].problems[0].message

        sink.refusal = None

        await sink.until(lambda: "a" in sink.tasks)


async def test_a_folder_that_disappears_takes_nothing_away_and_is_followed_again(
    tmp_path: Path, sink: Memory
) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "a.yaml").write_text(_task("a"))
    async with _watched(folder, sink) as source:
        folder.rename(tmp_path / "away")
        await sink.until(lambda: bool(source.report.problem))
        assert set(sink.tasks) == {"a"}

        folder.mkdir()
        (folder / "a.yaml").write_text(_task("a", "6s"))
        await sink.until(lambda: sink.timeout_of("a") == "6s")


async def test_a_folder_below_that_cannot_be_listed_takes_nothing_away(tmp_path: Path, sink: Memory) -> None:
    """A path longer than the kernel takes cannot be listed, by root neither."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "a.yaml").write_text(_task("a"))
    async with _watched(tmp_path / "tasks", sink) as source:
        with ExitStack() as undo:
            deepest = os.open(tmp_path / "tasks", os.O_PATH)
            for _ in range(20):
                undo.callback(os.close, deepest)
                os.mkdir("d" * 250, dir_fd=deepest)
                deepest = os.open("d" * 250, os.O_PATH, dir_fd=deepest)
            os.close(deepest)
        (tmp_path / "tasks" / "a.yaml").unlink()
        await sink.until(lambda: bool(source.report.problem))
        assert "all tasks stay as they were" in source.report.problem
        assert sink.deleted == []


async def test_the_real_engine_follows_a_file_that_goes_and_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    file = folder / "a.yaml"
    file.write_text(_task("a"))
    async with running_engine(tmp_path / "nice.db") as engine:
        source = FolderSource(folder, engine.engine.tasks)
        await source.start()
        try:
            first = await engine.engine.tasks.get("default", "a")
            run = await engine.request(first)
            file.unlink()
            await engine.ended(run.id)
            file.write_text(_task("a", "6s"))
            second = await _generation(engine, 2)
            assert (second.id, second.uid) == (first.id, first.uid)
            assert [one.id for one in await engine.runs(second)] == [run.id]
        finally:
            await source.stop()
    async with running_engine(tmp_path / "nice.db") as engine:  # as with --no-sync: nobody reads the folder
        kept = await engine.engine.tasks.get("default", "a")
        assert (kept.generation, kept.manifest["timeoutAfter"]) == (2, "6s")


async def _generation(engine: Harness, number: int) -> Task:
    """The task as soon as it has that generation."""
    async with asyncio.timeout(DEADLINE), engine.engine.wakeups.subscribe(topics.TASKS) as changed:
        while True:
            with suppress(NotFound):
                task = await engine.engine.tasks.get("default", "a")
                if task.generation == number:
                    return task
            await changed.wait(0.2)
