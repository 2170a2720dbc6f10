"""The log's way from a run's standard output to the database, and whether it slows the run."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from benchmarks.figures import Figure
from tests.support.product import Product

BYTES = 40_000_000
LINE = 100
REPETITIONS = 3
AIM = 20.0
PACE = 22_000_000
"""Bytes a second: a little above the aim, because starting and ending take their time, too."""


def measure(product: Product) -> list[Figure]:
    """Megabytes per second, and how many lines were lost: at the pace of the aim, and without any."""
    paced, flooded = ([_run(product, rate) for _ in range(REPETITIONS)] for rate in (PACE, None))
    stored = tuple(BYTES / 1e6 / run["durationSeconds"] for run in paced)
    share = max(run["result"] / run["durationSeconds"] for run in paced)
    taken = tuple(BYTES / 1e6 / run["result"] for run in flooded)
    return [
        Figure("log path, a run that writes 22 MB/s", "MB/s", stored, AIM, more_is_better=True,
               remark=f"{_told_lost(paced)}; the run waits for its writes {share:.0%} of the time"),
        Figure("log path, a run that writes as fast as it can", "MB/s", taken, more_is_better=True,
               remark=f"taken from the run; {_told_lost(flooded)}"),
    ]  # fmt: skip


def _run(product: Product, rate: int | None) -> dict[str, Any]:
    body = json.dumps({"bytes": BYTES, "rate": rate}).encode()
    request = urllib.request.Request(
        product.base + "/task/talkative", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        run: dict[str, Any] = product.get(f"/api/v1/runs/{answer.headers['Nice-Run-Id']}")
    return run


def _lost(run: dict[str, Any]) -> int:
    """Lines that the log does not have. Raises RuntimeError when it does not even know that it lacks them."""
    log = run["log"]
    gone: int = sum(last - first + 1 for first, last in log["gaps"])
    if log["lines"] != BYTES // LINE or log["complete"] != (gone == 0):
        raise RuntimeError(f"the log does not know what it lacks: {log}")
    return gone


def _told_lost(runs: list[dict[str, Any]]) -> str:
    lost = max(map(_lost, runs))
    return "no line lost" if lost == 0 else f"✗ {lost:,} of {BYTES // LINE:,} lines lost"
