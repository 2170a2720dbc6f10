"""Never overloaded, never lost: workers and the server are killed at random while jobs go through.

``make chaos`` does it with 200 workers and 10,000 jobs; among the other tests it is a smaller one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest

from tests.support.chaos import TASK, Account, ChaoticWorker, Scale, call, call_all, kill_workers
from tests.support.product import Product, lasting_port

FULL = Scale(workers=200, jobs=10_000, callers=400, wanted=3, between_kills=0.2, server_kills=(8, 22, 36, 50))
SMALL = Scale(workers=30, jobs=800, callers=60, wanted=2, between_kills=0.2, server_kills=(1, 6))
SCALE = FULL if os.environ.get("NICE_CHAOS") == "full" else SMALL
LIMIT = 900 if SCALE is FULL else 120

MANIFEST = f"""
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {{name: {TASK}}}
spec:
  timeoutAfter: "10 minutes"
  run: {{external: {{}}}}
  retry: {{backoff: {{initialSeconds: 0}}}}
  history: {{succeeded: {{count: 10000}}, failed: {{count: 10000}}}}
"""


@pytest.mark.timeout(LIMIT)
async def test_each_job_ends_once_whoever_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "work.yaml").write_text(MANIFEST)
    account = Account()

    product = Product(folder, tmp_path / "data")
    product.start(lasting_port())
    with product:
        await _live_through(product, account)
        await _ask_for_all_again(product.base, account)

    assert account.overloads == []
    assert account.workers_killed > 0
    assert set(account.answers) == set(range(SCALE.jobs))
    for job, answers in account.answers.items():
        assert len(answers) == 1, f"job {job} was answered differently: {answers}"
        _check_answer(job, *next(iter(answers)))
    _check_database(tmp_path / "data" / "nice.db", account)


async def _live_through(product: Product, account: Account) -> None:
    """Let every job be asked for while workers and the server die."""
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        workers = [ChaoticWorker(product.base, SCALE.wanted, account) for _ in range(SCALE.workers)]
        lives = [asyncio.create_task(worker.live(session)) for worker in workers]
        killing = asyncio.create_task(kill_workers(workers, SCALE.between_kills))
        dying = asyncio.create_task(_kill_server(product))
        await call_all(session, product.base, SCALE, account)
        await dying
        for task in (*lives, killing):
            task.cancel()
        await asyncio.gather(*lives, killing, return_exceptions=True)


async def _kill_server(product: Product) -> None:
    """At the moments of the scale; each time it starts again on the same port and the same data."""
    at = 0.0
    for moment in SCALE.server_kills:
        await asyncio.sleep(moment - at)
        at = moment
        product.kill_server()
        await asyncio.to_thread(product.start, product.port)


async def _ask_for_all_again(base: str, account: Account) -> None:
    """No worker is there any more: every answer is the one that was kept."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50)) as session:
        await asyncio.gather(*(call(session, base, job, account) for job in range(0, SCALE.jobs, 5)))


def _check_answer(job: int, run: str, status: int, body: str) -> None:
    """The result; or, for a job that took three workers with it, that it is lost."""
    document = json.loads(body)
    if status == 200:
        assert document == {"job": job, "square": job * job}
    else:
        assert (status, document["state"], document["run"]) == (500, "lost", run), body


def _check_database(path: Path, account: Account) -> None:
    """One run for each job, each with one end, and one attempt that it ended with."""
    states = dict(_rows(path, "SELECT state, COUNT(*) FROM runs GROUP BY state"))
    keys = _rows(path, "SELECT COUNT(DISTINCT fire_key), COUNT(*) FROM runs")
    ends = _rows(
        path,
        "SELECT COUNT(*) FROM runs WHERE state = 'succeeded' AND 1 <> (SELECT COUNT(*) FROM attempts "
        "WHERE run_id = runs.id AND stale = 0 AND attempts.state = 'succeeded')",
    )
    lost = states.pop("lost", 0)
    assert states == {"succeeded": SCALE.jobs - lost}
    assert lost <= SCALE.jobs // 100, f"{lost} jobs took three workers each with them: too many to be chance"
    assert keys == [(SCALE.jobs, SCALE.jobs)]
    assert ends == [(0,)]
    assert sum(account.executions.values()) >= SCALE.jobs - lost


def _rows(path: Path, query: str) -> Sequence[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()
