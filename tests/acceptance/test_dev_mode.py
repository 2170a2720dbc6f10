"""The dev mode as a person lives with it: starting, editing, stopping, killing, starting again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.product import Product

GATED = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {{name: {name}}}
spec:
  timeoutAfter: "2 minutes"
  terminationGracePeriodSeconds: 1
  onLost: {on_lost}
  env: [{{name: GATE, value: "{gate}"}}]
  run:
    python:
      source: |
        import os, time
        def run(payload):
            print("begun", flush=True)
            while not os.path.exists(os.environ["GATE"]):
                time.sleep(0.02)
            return {{"attempt": int(os.environ["NICE_ATTEMPT"])}}
"""

GREETING = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {{name: greeting}}
spec:
  timeoutAfter: "20 seconds"
  run:
    python:
      source: |
        def run(payload):
            return "{word}"
"""

EVERY_SECOND = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: ticking}
spec:
  schedule: "1 second"
  concurrencyPolicy: Allow
  timeoutAfter: "20 seconds"
  run:
    command: ["true"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    for name, on_lost in (("gated", "Retry"), ("fragile", "Fail")):
        text = GATED.format(name=name, on_lost=on_lost, gate=tmp_path / "gate")
        (tmp_path / "tasks" / f"{name}.yaml").write_text(text)
    (tmp_path / "tasks" / "greeting.yaml").write_text(GREETING.format(word="hello"))
    return tmp_path / "tasks"


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    return tmp_path / "gate"


@pytest.fixture
def product(folder: Path, tmp_path: Path) -> Iterator[Product]:
    server = Product(folder, tmp_path / "data")
    server.start()
    yield server
    server.kill()


def begin(product: Product, task: str) -> str:
    """Request a run and wait until its code runs; its path."""
    run = product.post(f"/api/v1/tasks/default/{task}/runs", {})
    path = f"/api/v1/runs/{run['id']}"
    product.until(path, lambda found: bool(found["state"] == "running"))
    return path


def greeting(product: Product) -> Any:
    """What the task of that name says now."""
    return product.post("/task/greeting")


def ended(run: Any) -> bool:
    return bool(run["final"])


def worker_pid(tmp_path: Path) -> int:
    return int(json.loads((tmp_path / "data" / "worker.lock").read_text())["pid"])


def test_the_first_lines_say_where_everything_is(product: Product, tmp_path: Path) -> None:
    product.hear("Ctrl-C")

    for words in (
        product.base,
        str(tmp_path / "data"),
        "3 from",
        "fragile, gated, greeting",
        "loopback only",
    ):
        assert words in product.said


def test_killing_the_operator_in_mid_run_loses_nothing(product: Product, gate: Path) -> None:
    path = begin(product, "gated")

    product.kill_server()
    gate.touch()
    product.start()

    run = product.until(path, ended)
    assert (run["state"], run["result"], run["attempt"]) == ("succeeded", {"attempt": 1}, 1)


def test_a_second_operator_on_the_same_data_is_refused_and_told_why(
    product: Product, folder: Path, tmp_path: Path
) -> None:
    second = subprocess.run(
        [
            sys.executable,
            "-m",
            "nice_operator",
            "dev",
            str(folder),
            "--data",
            str(tmp_path / "data"),
            "--port=0",
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert second.returncode == 2
    assert product.process is not None
    assert f"process {product.process.pid}" in second.stderr
    assert "--data DIR" in second.stderr
    assert "Traceback" not in second.stderr


def test_ctrl_c_lets_running_tasks_finish(product: Product, gate: Path) -> None:
    path = begin(product, "gated")
    assert product.process is not None

    product.process.send_signal(signal.SIGINT)
    product.hear("Waiting for gated to finish")
    gate.touch()

    assert product.process.wait(60) == 0
    product.start()
    assert product.get(path)["state"] == "succeeded"


def test_a_second_ctrl_c_hands_running_work_back_and_the_next_start_runs_it_again(
    product: Product, gate: Path
) -> None:
    retried, failed = begin(product, "gated"), begin(product, "fragile")
    assert product.process is not None

    product.process.send_signal(signal.SIGINT)
    product.hear("Waiting for fragile, gated to finish")
    product.process.send_signal(signal.SIGINT)
    product.hear("interrupted")
    assert product.process.wait(60) == 0
    gate.touch()
    product.start()

    run = product.until(retried, ended)
    assert (run["state"], run["result"]) == ("succeeded", {"attempt": 2})
    assert run["maxAttempts"] == 2, "an interrupted attempt is not counted"
    lost = product.get(failed)
    assert (lost["state"], lost["reason"]) == ("lost", "Interrupted")


def test_a_killed_worker_is_replaced_and_its_run_tried_again(
    product: Product, gate: Path, tmp_path: Path
) -> None:
    retried, failed = begin(product, "gated"), begin(product, "fragile")

    os.kill(worker_pid(tmp_path), signal.SIGKILL)
    lost = product.until(failed, ended)
    gate.touch()
    run = product.until(retried, ended)

    assert lost["state"] == "lost"
    assert run["state"] == "succeeded"
    assert run["attempt"] == 2


def test_an_edited_file_is_live_within_a_second(product: Product, folder: Path) -> None:
    assert greeting(product) == "hello"
    before = time.monotonic()

    (folder / "greeting.yaml").write_text(GREETING.format(word="good evening"))
    product.until("/api/v1/tasks/default/greeting", lambda task: bool(task["generation"] == 2))

    assert time.monotonic() - before < 5, "the aim is one second; a busy build machine gets five"
    assert greeting(product) == "good evening"


def test_a_broken_file_is_reported_with_its_place_and_its_last_good_version_goes_on(
    product: Product, folder: Path
) -> None:
    (folder / "greeting.yaml").write_text(GREETING.format(word="x").replace("20 seconds", "soon"))
    files = product.until("/api/v1/definitions", lambda found: bool(found["broken"]))["broken"]

    problem = files[0]["problems"][0]
    assert files[0]["path"] == "greeting.yaml"
    assert (problem["field"], problem["line"]) == ("spec.timeoutAfter", 6)
    product.hear("greeting.yaml")
    assert greeting(product) == "hello"


def test_a_removed_file_takes_its_task_away_and_keeps_its_history(product: Product, folder: Path) -> None:
    run = product.post("/api/v1/tasks/default/greeting/runs", {})
    product.until(f"/api/v1/runs/{run['id']}", ended)

    (folder / "greeting.yaml").unlink()
    product.until("/api/v1/tasks", lambda found: all(task["name"] != "greeting" for task in found["tasks"]))

    assert product.get(f"/api/v1/runs/{run['id']}")["state"] == "succeeded"


def test_a_file_that_comes_back_brings_its_task_back(product: Product, folder: Path) -> None:
    text = (folder / "greeting.yaml").read_text()
    (folder / "greeting.yaml").unlink()
    product.until("/api/v1/tasks", lambda found: all(task["name"] != "greeting" for task in found["tasks"]))

    (folder / "greeting.yaml").write_text(text)
    product.until("/api/v1/tasks", lambda found: any(task["name"] == "greeting" for task in found["tasks"]))

    assert greeting(product) == "hello"


def test_after_downtime_the_latest_fire_runs_and_the_others_are_accounted_for(
    product: Product, folder: Path
) -> None:
    (folder / "ticking.yaml").write_text(EVERY_SECOND)
    product.until("/api/v1/tasks", lambda found: any(task["name"] == "ticking" for task in found["tasks"]))
    runs = "/api/v1/runs?task=ticking&limit=200"
    product.until(runs, lambda found: len(found["runs"]) >= 2)
    product.kill_server()
    time.sleep(3.5)  # the downtime itself
    product.start()

    def caught_up(found: Any) -> bool:
        return any(run["state"] == "missed" for run in found["runs"])

    rows = product.until(runs, caught_up)["runs"]
    missed = next(run for run in rows if run["state"] == "missed")
    assert missed["missed"]["count"] >= 2
    fires = [run["scheduledFor"] for run in rows if run["state"] != "missed"]
    assert len(fires) == len(set(fires)), "no fire gets two runs"


def test_no_sync_works_on_what_the_database_holds(product: Product, folder: Path, tmp_path: Path) -> None:
    product.stop()
    (folder / "greeting.yaml").unlink()

    with Product(folder, tmp_path / "data", "--no-sync") as again:
        assert greeting(again) == "hello"


def test_view_only_shows_everything_and_starts_nothing(
    product: Product, folder: Path, tmp_path: Path
) -> None:
    product.stop()

    with Product(folder, tmp_path / "data", "--view-only") as again:
        assert len(again.get("/api/v1/tasks")["tasks"]) == 3
        with pytest.raises(urllib.error.HTTPError) as refusal:
            again.post("/api/v1/tasks/default/greeting/runs", {})
    assert refusal.value.code == 403
    refusal.value.close()
