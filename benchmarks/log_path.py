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


def measure(product: Product) -> list[Figure]:
    """Megabytes per second; raises RuntimeError when a line is missing."""
    runs = [_run(product) for _ in range(REPETITIONS)]
    stored, taken = (
        tuple(BYTES / 1e6 / run[seconds] for run in runs) for seconds in ("durationSeconds", "result")
    )
    whole = f"{BYTES // LINE:,} lines of {LINE} bytes, none lost"
    return [
        Figure("log path, run to database", "MB/s", stored, 20.0, more_is_better=True, remark=whole),
        Figure("log path, as the run feels it", "MB/s", taken, more_is_better=True,
               remark="how fast its own writes were taken"),
    ]  # fmt: skip


def _run(product: Product) -> dict[str, Any]:
    body = json.dumps({"bytes": BYTES}).encode()
    request = urllib.request.Request(
        product.base + "/task/talkative", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=90) as answer:
        run: dict[str, Any] = product.get(f"/api/v1/runs/{answer.headers['Nice-Run-Id']}")
    log = run["log"]
    expected = {"lines": BYTES // LINE, "complete": True, "gaps": []}
    if log != expected:
        raise RuntimeError(f"the log is not whole: expected {expected}, found {log}")
    return run
