"""How long until user code runs: after an assignment, and after a planned moment."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

from benchmarks.database import first_line_delays
from benchmarks.figures import Figure, percentile
from benchmarks.tasks import TICK
from tests.support.product import Product

REPETITIONS = 3
RUNS = 30
TICKS = 30
"""Fewer runs in a repetition than history keeps, so that none is gone before it is read."""


def assignment(product: Product, data: Path) -> list[Figure]:
    """From the moment that the claim is committed with, to the first line of the module."""
    delays: list[list[float]] = []
    known = 0
    for _ in range(REPETITIONS):
        for _ in range(RUNS):
            _post(product, "/task/first-line")
        found = first_line_delays(data, "first-line", "attempts.claimed_at")
        delays.append(found[known:])
        known = len(found)
    remark = "warm worker; contains two durable commits (claim, start)"
    return _figures("assignment → first user line", delays, (5.0, 25.0), remark)


def planned_moment(product: Product, data: Path, folder: Path) -> list[Figure]:
    """A task that is due every second, on a server with nothing else to do."""
    (folder / "tick.yaml").write_text(TICK, encoding="utf-8")
    deadline = time.monotonic() + TICKS * REPETITIONS / 2 + 20
    while len(found := first_line_delays(data, "tick", "runs.scheduled_for")) <= TICKS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {len(found)} of {TICKS} fires ran in time")
        time.sleep(0.5)
    (folder / "tick.yaml").unlink()
    return _figures("scheduled moment → first user line", [found[1:]], (None, 250.0), "idle server")


def _figures(
    name: str, delays: list[list[float]], aims: tuple[float | None, float], remark: str
) -> list[Figure]:
    shares = ((0.5, "p50", aims[0]), (0.99, "p99", aims[1]))
    return [
        Figure(f"{name}, {word}", "ms", tuple(percentile(one, share) for one in delays), aim, remark=remark)
        for share, word, aim in shares
    ]


def _post(product: Product, path: str) -> None:
    request = urllib.request.Request(product.base + path, b"null", {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
