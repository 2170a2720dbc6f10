"""Tasks that nobody declared: a registration or a schedule makes them; what files say of them later."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nice_operator.domain.task import UNDECLARED
from nice_operator.folder import FolderSource
from tests.support.workman import WITHIN, WorkmanServer, workman_server

MANIFEST = """\
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: NAME}
spec:
  taskName: "TITLE"
  timeoutAfter: 1 minute
  run: {external: {}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tasks"
    made.mkdir()
    return made


def declare(folder: Path, name: str, title: str) -> None:
    (folder / f"{name}.yaml").write_text(MANIFEST.replace("NAME", name).replace("TITLE", title))


async def test_a_first_registration_makes_a_task_with_a_page_and_a_day_to_run(server: WorkmanServer) -> None:
    await server.worker("JSON Logger")

    (task,) = [summary.task for summary in await server.engine.tasks.list()]

    assert task.spec is not None
    assert (task.spec.task_name, task.origin, task.spec.timeout.total_seconds()) == (
        "JSON Logger", UNDECLARED, 86_400,
    )  # fmt: skip
    assert task.name.startswith("json-logger-")
    page = await server.client.get(f"/ui/tasks/default/{task.name}")
    assert page.status == 200
    assert "JSON Logger" in await page.text()


async def test_two_hundred_registrations_at_once_make_one_task(server: WorkmanServer) -> None:
    peers = [await server.open("/worker") for _ in range(200)]

    await asyncio.gather(*(peer.register("work") for peer in peers))

    assert len(await server.engine.tasks.list()) == 1


async def test_names_that_look_alike_are_tasks_of_their_own(server: WorkmanServer) -> None:
    await server.worker("JSON Logger", "json logger", "JSON-Logger", "json-logger", "日本")

    names = {summary.task.name for summary in await server.engine.tasks.list()}

    assert len(names) == 5


async def test_a_name_that_a_declared_task_has_for_its_pages_is_left_to_it(server: WorkmanServer) -> None:
    await server.define("work", taskName="something else")

    await server.worker("work")

    names = sorted(summary.task.name for summary in await server.engine.tasks.list())
    assert names[0] == "work"
    assert names[1].startswith("work-")


async def test_a_task_that_was_deleted_comes_back_while_a_worker_serves_it(server: WorkmanServer) -> None:
    worker = await server.worker("work")
    await server.engine.tasks.delete("default", "work")
    await worker.want()

    asking = asyncio.create_task(server.client.post("/task/work"))
    await worker.answer(await worker.job(), "back")

    assert await (await asking).text() == "back"


async def test_a_folder_leaves_tasks_alone_that_no_file_ever_declared(
    server: WorkmanServer, folder: Path
) -> None:
    await server.worker("work")

    source = FolderSource(folder, server.engine.tasks)
    await source.start()
    await source.stop()

    assert [summary.task.name for summary in await server.engine.tasks.list()] == ["work"]


async def test_a_file_that_declares_a_registered_name_takes_over_the_task_with_its_queue(
    server: WorkmanServer, folder: Path
) -> None:
    worker = await server.worker("work")
    asking = asyncio.create_task(server.client.post("/task/work"))
    await _queued(server, 1)
    declare(folder, "work", "work")

    source = FolderSource(folder, server.engine.tasks)
    await source.start()
    await worker.want()
    await worker.answer(await worker.job(), "the same job")
    await source.stop()

    (task,) = [summary.task for summary in await server.engine.tasks.list()]
    assert await (await asking).text() == "the same job"
    assert (task.origin, task.generation) == ("work.yaml:1", 2)


async def test_a_declaration_under_another_resource_name_supersedes_the_undeclared_task(
    server: WorkmanServer, folder: Path
) -> None:
    worker = await server.worker("JSON Logger")
    declare(folder, "logger", "JSON Logger")

    source = FolderSource(folder, server.engine.tasks)
    await source.start()
    await source.stop()
    await worker.want()
    asking = asyncio.create_task(server.client.post("/task/JSON%20Logger"))
    await worker.answer(await worker.job(), 1)

    assert [summary.task.name for summary in await server.engine.tasks.list()] == ["logger"]
    assert (await asking).status == 200


async def test_a_declared_task_of_that_name_is_not_touched_by_a_registration(server: WorkmanServer) -> None:
    before = await server.define("inside", run={"command": ["true"]})

    await server.worker("inside")

    (after,) = [summary.task for summary in await server.engine.tasks.list()]
    assert after == before


async def test_ten_thousand_scheduled_jobs_survive_a_restart_and_run_when_their_time_has_come(
    tmp_path: Path,
) -> None:
    async with workman_server(tmp_path / "nice.db") as first:
        client = await first.open("/websocket")
        for number in range(10_000):
            await client.say(
                {"action": "ScheduleTask", "when": "2999-01-01T00:00:00Z", "name": "work", "nonce": number}
            )
        for _ in range(10_000):
            assert '{"id":"' in await client.hear()
        await client.say({"action": "ScheduleTask", "when": "2000-01-01T00:00:00Z", "name": "work"})
        await client.hear()

    async with workman_server(tmp_path / "nice.db") as second:
        worker = await second.worker("work")
        await worker.want()
        job = await worker.job()
        depth = await second.engine.store.queue_depth()

    assert job["when"] == 946_684_800_000
    assert depth == {}


async def _queued(server: WorkmanServer, count: int) -> None:
    async with asyncio.timeout(WITHIN):
        while len(await server.runs()) < count:
            await server.engine.clock.sleep(0.02)
