"""10,000 tasks due in the same second: until when each run is recorded, and whether the API still answers."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import IO

from benchmarks.figures import Figure
from tests.support.mariadb import private_mariadb

COUNT = 10_000
AIM_SECONDS = 2.0


def measure() -> list[Figure]:
    """On SQLite and on a MariaDB server of its own."""
    with tempfile.TemporaryDirectory(prefix="nice-bench-") as folder:
        on_sqlite = _measure("SQLite", f"sqlite:///{Path(folder, 'nice.db')}")
        with private_mariadb(Path(folder)) as server:
            return [*on_sqlite, *_measure("MariaDB", server.url("due"))]


def _measure(name: str, url: str) -> list[Figure]:
    command = [sys.executable, "-m", "benchmarks.due_server", url, str(COUNT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            begun = _said(server.stdout)
            answers = _ask_until_told(begun["port"], begun["due"] / 1e6, server.stdout)
            ended = _said(server.stdout)
        finally:
            server.terminate()
    seconds = (ended["last"] - begun["due"]) / 1e6
    return [
        Figure(f"{COUNT:,} tasks due in one second, {name}: all recorded", "s", (seconds,), AIM_SECONDS),
        Figure(f"… meanwhile, the slowest answer of the API, {name}", "ms", (max(answers),),
               remark=f"of {len(answers)} times GET /api/v1/runs"),
    ]  # fmt: skip


def _said(server: IO[str]) -> dict[str, int]:
    line = server.readline()
    if not line:
        raise RuntimeError("the server ended before it had told; its reason is above")
    facts: dict[str, int] = json.loads(line)
    return facts


def _ask_until_told(port: int, due: float, server: IO[str]) -> list[float]:
    """Milliseconds of each answer of the API, until the server tells that all is recorded."""
    time.sleep(max(0.0, due - 0.5 - time.time()))
    answers = []
    while not select.select([server], [], [], 0.02)[0]:
        began = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/runs?limit=1", timeout=30) as answer:
            answer.read()
        answers.append((time.perf_counter() - began) * 1000)
    return answers
