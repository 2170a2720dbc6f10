"""``POST /task/{name}``: a Python task through the local worker, each run committed."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from benchmarks.figures import Figure, percentile
from tests.support.product import Product

CLIENTS = 20
SECONDS = 6.0
ALONE = 100
REPETITIONS = 3


def measure(product: Product) -> list[Figure]:
    """Requests per second with many clients, and the time one takes alone."""
    return asyncio.run(_measure(f"{product.base}/task/echo"))


async def _measure(url: str) -> list[Figure]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        await _alone(session, url, 10)
        alone = [await _alone(session, url, ALONE) for _ in range(REPETITIONS)]
        rates = [await _together(session, url) for _ in range(REPETITIONS)]
    return [
        Figure("POST /task, alone, p50", "ms", tuple(percentile(one, 0.5) for one in alone)),
        Figure("POST /task, alone, p99", "ms", tuple(percentile(one, 0.99) for one in alone)),
        Figure(f"POST /task, {CLIENTS} clients", "runs/s", tuple(rates), more_is_better=True,
               remark="each a forked process; the load generator shares the cores"),
    ]  # fmt: skip


async def _alone(session: aiohttp.ClientSession, url: str, count: int) -> list[float]:
    """Milliseconds of requests, one after the other."""
    found = []
    for number in range(count):
        began = time.perf_counter()
        await _ask(session, url, number)
        found.append((time.perf_counter() - began) * 1000)
    return found


async def _together(session: aiohttp.ClientSession, url: str) -> float:
    """Answers per second while every client always has one request under way."""
    began = time.perf_counter()
    counts = await asyncio.gather(*(_client(session, url, began + SECONDS) for _ in range(CLIENTS)))
    return sum(counts) / (time.perf_counter() - began)


async def _client(session: aiohttp.ClientSession, url: str, end: float) -> int:
    answered = 0
    while time.perf_counter() < end:
        await _ask(session, url, answered)
        answered += 1
    return answered


async def _ask(session: aiohttp.ClientSession, url: str, number: int) -> None:
    async with session.post(url, json={"n": number}) as answer:
        body = await answer.json()
        if answer.status != 200 or body != {"n": number}:
            raise RuntimeError(f"{url} answered {answer.status}: {body}")
