"""COMMIT was done and its answer lost: the store asks again, and nothing happens twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from nice_operator.domain.run import RunState
from nice_operator.ports import FinishVerdict, RunFilter, StartVerdict
from tests.support.cutting_proxy import CuttingProxy, cutting_proxy
from tests.support.mariadb import MariaDb
from tests.support.stores import StoreHarness, decision, harness_on

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # PyMySQL, when cut off


@pytest.fixture
def proxy(mariadb: MariaDb) -> Iterator[CuttingProxy]:
    """Between the store and the server."""
    with cutting_proxy(mariadb.port) as made:
        yield made


@pytest.fixture
async def harness(mariadb: MariaDb, proxy: CuttingProxy) -> AsyncIterator[StoreHarness]:
    """A store behind the proxy."""
    url = mariadb.url("lost").replace(f":{mariadb.port}/", f":{proxy.port}/")
    url += "?ssl_disabled=1"  # MySQL offers encryption, and the proxy has to see the COMMIT
    async with harness_on(url) as made:
        yield made


async def test_a_request_whose_commit_was_not_answered_makes_one_run(
    harness: StoreHarness, proxy: CuttingProxy
) -> None:
    task = await harness.put("a")
    proxy.cut_next_commit()

    submitted = await harness.submit(task, "m:once")

    assert proxy.cuts == 1
    assert submitted.created
    assert [run.id for run in (await harness.store.list_runs(RunFilter())).runs] == [submitted.run.id]


async def test_a_start_whose_commit_was_not_answered_is_a_start(
    harness: StoreHarness, proxy: CuttingProxy
) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.claim_one()
    proxy.cut_next_commit()

    assert await worker.start(held) is StartVerdict.STARTED

    assert proxy.cuts == 1
    assert [attempt.number for attempt in await harness.store.attempts(held.id)] == [1]


async def test_a_report_whose_commit_was_not_answered_is_known_when_it_is_repeated(
    harness: StoreHarness, proxy: CuttingProxy
) -> None:
    await harness.submit(await harness.put("a"))
    worker = await harness.worker()
    held = await worker.running()
    proxy.cut_next_commit()

    assert await harness.store.finish(decision(held)) is FinishVerdict.REPEATED

    assert proxy.cuts == 1
    assert (await harness.run(held.id)).state is RunState.SUCCEEDED
    assert [attempt.stale for attempt in await harness.store.attempts(held.id)] == [False]


async def test_a_fire_whose_commit_was_not_answered_is_not_fired_again(
    harness: StoreHarness, proxy: CuttingProxy
) -> None:
    task = await harness.put("a", due_in=0)
    plan = await harness.plan(task, "c:1")
    proxy.cut_next_commit()

    await harness.store.fire([plan])

    assert proxy.cuts == 1
    assert [run.fire_key for run in (await harness.store.list_runs(RunFilter())).runs] == ["c:1"]
    fired = await harness.store.get_task_by_id(task.id)
    assert fired is not None
    assert fired.fired == 1
