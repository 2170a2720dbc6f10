"""The JavaScript programs of examples/workman, run as a person runs them, against the product."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Product, lasting_port

EXAMPLES = Path(__file__).parents[2] / "examples" / "workman"
WITHIN = 30.0


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    folder = tmp_path / "tasks"
    folder.mkdir()
    with Product(folder, tmp_path / "data") as running:
        yield running


@contextmanager
def worker(product: Product) -> Iterator[subprocess.Popen[str]]:
    """``node worker.js``, connected."""
    address = product.base.replace("http", "ws", 1) + "/worker"
    process = subprocess.Popen(
        ["node", "worker.js", address], cwd=EXAMPLES, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "connected\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def client(product: Product, *words: str) -> subprocess.Popen[str]:
    """``node client.js`` with these words, under way."""
    address = product.base.replace("http", "ws", 1) + "/websocket"
    return subprocess.Popen(
        ["node", "client.js", *words],
        cwd=EXAMPLES,
        env={**os.environ, "WORKMAN_URL": address},
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> Any:
    """What it printed, once it has ended well."""
    out, _ = process.communicate(timeout=WITHIN)
    assert process.returncode == 0, out
    return json.loads(out)


def test_the_packages_of_the_examples_are_installed() -> None:
    assert (EXAMPLES / "node_modules" / "ws").is_dir(), "python3 tools/setup test installs them"


def test_client_and_worker_do_what_their_readme_shows(product: Product) -> None:
    with worker(product):
        assert said(client(product, "run", "work", '{"a": 1, "b": 2}')) == {"sum": 3}
        assert said(client(product, "run", "JSON Logger", '{"a": 1}')) is None
        assert said(client(product, "names")) == ["work", "JSON Logger", "slow"]
        scheduled = said(client(product, "schedule", "2999-02-02T20:20:20Z", "work", '{"a": 1}'))
        assert said(client(product, "unschedule", scheduled["id"])) == {"found": True}
        assert said(client(product, "unschedule", scheduled["id"])) == {"found": False}
    assert said(client(product, "names")) == []


def test_a_job_outlives_the_server_and_its_worker_brings_the_result_to_the_next_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    product = Product(folder, tmp_path / "data")
    product.start(lasting_port())
    with product, worker(product) as node:
        assert node.stdout is not None
        asking = client(product, "run", "slow", '{"milliseconds": 1500}')
        _await_running(product)
        product.kill_server()
        asking.wait(WITHIN)  # its connection broke, and it says so
        assert asking.stdout is not None
        asking.stdout.close()
        product.start(port=product.port)
        assert node.stdout.readline() == "connected\n"

        (run,) = product.get("/api/v1/runs")["runs"]
        ended = product.get(f"/api/v1/runs/{run['id']}?wait=20")

    assert (ended["state"], ended["result"], ended["attempt"]) == ("succeeded", "slept", 1)


def _await_running(product: Product) -> None:
    """The server has given the job to the worker."""
    while True:
        runs = product.get("/api/v1/runs?state=running")["runs"]
        if runs:
            return
