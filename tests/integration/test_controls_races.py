"""The controls of what two servers do at once. Guards are taken out of a real store; what judges the proofs
on the cluster then finds what must never be. While one of the two guards is left, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from nice_operator.domain.errors import Conflict
from nice_operator.domain.run import Run
from nice_operator.domain.task import Task
from nice_protocol.messages import Assign
from tests.accounts.__main__ import judge
from tests.accounts.books import Books, read
from tests.accounts.findings import Check
from tests.fakes.worker import FakeWorker
from tests.support.engine import Harness
from tests.support.mariadb import MariaDb
from tests.support.replicas import replica
from tests.support.servers import private_server
from tests.support.stage import load
from tests.support.stage.sums import wrong_answers
from tests.support.unguarded import CURSOR, KEY, LOCK, SLOT, Guard, Meeting, unguarded

DATABASE = "controls"
ROUNDS = 4
FIRE_LOOK = "tasks.next_fire_at, tasks.generation"
SLOT_LOOK = "runs.active_key, runs.waiting"
KEY_LOOK = "runs.task_id, runs.fire_key"


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDb]:
    with private_server() as made:
        yield made


@dataclass(frozen=True)
class Two:
    """Two servers on one database."""

    a: Harness
    b: Harness
    meeting: Meeting

    async def task(self, name: str, **spec: object) -> Task:
        """One that both know."""
        await self.b.task(name, **spec)
        return await self.a.task(name, **spec)

    async def ask(self, task: Task, key: str | None = None) -> list[Run]:
        """A run of both at the same time; what they made. Nothing but a conflict may be in the way."""
        asked = [each.request(task, idempotency_key=key) for each in (self.a, self.b)]
        made = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, Run | Conflict) for one in made), made
        return [one for one in made if isinstance(one, Run)]


@asynccontextmanager
async def two_without(
    server: MariaDb, taken: Sequence[Guard], look: str, *, one_looks: bool
) -> AsyncIterator[Two]:
    """On a new database without those guards; they meet between look and act. ``one_looks``: a lock keeps the
    other one from looking, so it is not waited for long."""
    server.execute(f"DROP DATABASE IF EXISTS `{DATABASE}`")
    url = server.url(DATABASE)
    meeting = Meeting(2, look, patience=0.3 if one_looks else 2.0)
    async with replica(url, "a") as a, replica(url, "b") as b:
        for guard in taken:
            guard.take_from_schema(server, DATABASE)
        unsaid = [unguarded(each.store, taken, meeting) for each in (a, b)]
        yield Two(a, b, meeting)
    assert not set.intersection(*unsaid), f"these guards are written otherwise now: {unsaid}"


def books(server: MariaDb) -> Books:
    return read(server.url(DATABASE).replace("mysql://", "mysql+pymysql://"))


def findings(found: Books) -> set[Check]:
    """What the script says that judges every proof on the cluster."""
    account = judge(found, at_rest=True)
    print("\n".join(account.lines(3)))
    return {finding.check for finding in account.findings}


@pytest.mark.parametrize(
    ("taken", "may_be"),
    [
        pytest.param((), set(), id="nothing"),
        pytest.param((KEY,), set(), id="the key"),
        pytest.param((CURSOR,), {Check.CURSOR}, id="the cursor"),  # a loser counts what it did not insert
        pytest.param((CURSOR, KEY), {Check.CURSOR, Check.TWICE}, id="both"),
    ],
)
async def test_without_cursor_and_key_two_servers_fire_a_moment_twice(
    server: MariaDb, taken: tuple[Guard, ...], may_be: set[Check]
) -> None:
    tick = {"concurrencyPolicy": "Allow", "schedule": "1 second", "catchUp": "All"}
    async with two_without(server, taken, FIRE_LOOK, one_looks=CURSOR not in taken) as two:
        (await two.a.worker()).serve()
        task = await two.task("tick", **tick)
        await two.a.runs_when(task, 2 * ROUNDS)
        await two.task("tick", **tick, suspend=True)
        await at_rest(two.a)
    found = findings(books(server))

    assert found <= may_be
    assert (Check.TWICE in found) == (Check.TWICE in may_be)


@pytest.mark.parametrize(
    "taken", [(), (SLOT,), (LOCK,), (LOCK, SLOT)], ids=["nothing", "the slot", "the lock", "both"]
)
async def test_without_lock_and_slot_runs_of_a_task_under_forbid_overlap(
    server: MariaDb, taken: tuple[Guard, ...]
) -> None:
    async with two_without(server, taken, SLOT_LOOK, one_looks=LOCK not in taken) as two:
        workers = [await each.worker(name) for each, name in ((two.a, "one"), (two.b, "two"))]
        for number in range(ROUNDS):
            task = await two.task(f"alone-{number}", concurrencyPolicy="Forbid")
            made = await two.ask(task)
            given = [await taken_by(worker) for worker, _ in zip(workers, made, strict=False)]
            for worker, run in given:
                await worker.begin(run)
            for worker, run in given:
                await worker.finish(run)
    found = findings(books(server))

    assert found == ({Check.OVERLAP} if len(taken) == 2 else set())


@pytest.mark.parametrize("taken", [(), (KEY,)], ids=["nothing", "the key"])
async def test_without_the_key_one_job_has_two_runs(server: MariaDb, taken: tuple[Guard, ...]) -> None:
    answers: dict[str, set[tuple[int, str, str]]] = {}
    async with two_without(server, taken, KEY_LOOK, one_looks=False) as two:
        (await two.a.worker()).serve()
        task = await two.task(load.ASKED)
        for number in range(ROUNDS):
            made = await two.ask(task, f"job-{number}")
            answers[f"job-{number}"] = {(200, str(run.id), str(run.id)) for run in made}
        await at_rest(two.a)
    wrong = list(wrong_answers(answers, books(server)))
    print("\n".join(wrong))

    assert any("has 2 runs" in one for one in wrong) == bool(taken)
    assert bool(wrong) == bool(taken)


async def taken_by(worker: FakeWorker) -> tuple[FakeWorker, Assign]:
    await worker.credit(1)
    return worker, await worker.expect(Assign)


async def at_rest(harness: Harness) -> None:
    async with asyncio.timeout(30):
        while await harness.store.active_counts(None):
            await asyncio.sleep(0.05)
