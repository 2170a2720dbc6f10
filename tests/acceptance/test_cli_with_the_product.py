"""The command line on the real product: what a person types, and what it answers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.product import Product

TASKS = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: hello}
spec:
  timeoutAfter: "20 seconds"
  payload: {name: World}
  run:
    python:
      source: |
        import sys
        def run(payload):
            print("greeting", payload["name"])
            print("to whom it may concern", file=sys.stderr)
            return {"greeting": f"Hello, {payload['name']}!"}
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: broken}
spec:
  timeoutAfter: "20 seconds"
  run:
    python:
      source: |
        def run(payload):
            raise RuntimeError("no luck")
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: slow}
spec:
  timeoutAfter: "1 second"
  terminationGracePeriodSeconds: 1
  run:
    python:
      source: |
        import time
        def run(payload):
            print("begun", flush=True)
            time.sleep(60)
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: endless}
spec:
  timeoutAfter: "10 minutes"
  terminationGracePeriodSeconds: 1
  run:
    command: [sh, -c, "echo begun; exec sleep 600"]
---
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: nightly}
spec:
  schedule: "0 2 * * *"
  timeoutAfter: "20 seconds"
  run:
    command: ["true"]
"""

Nicectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks.yaml").write_text(TASKS)
    with Product(folder, tmp_path_factory.mktemp("data") / "data") as running:
        yield running


def command(product: Product, *arguments: str) -> list[str]:
    """``nicectl`` with the address of the product."""
    return [sys.executable, "-m", "nice_cli", *arguments, "--server", product.base]


@pytest.fixture
def nicectl(product: Product) -> Nicectl:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(product, *arguments), capture_output=True, text=True, check=False, timeout=60
        )

    return call


def test_a_task_is_run_followed_and_its_fate_is_the_exit_code(nicectl: Nicectl) -> None:
    ended = nicectl("run", "hello", "--payload", '{"name": "Ada"}', "--follow")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == 'greeting Ada\n{\n  "greeting": "Hello, Ada!"\n}\n'
    assert "to whom it may concern\n" in ended.stderr


def test_waiting_gives_a_program_the_result_alone(nicectl: Nicectl) -> None:
    ended = nicectl("run", "hello", "--wait")
    assert json.loads(ended.stdout) == {"greeting": "Hello, World!"}


def test_a_failure_and_a_timeout_have_exit_codes_of_their_own(nicectl: Nicectl) -> None:
    failed, late = nicectl("run", "broken", "--wait"), nicectl("run", "slow", "--follow")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "no luck" in failed.stderr
    assert (late.returncode, late.stdout) == (124, "begun\n")


def test_a_run_is_stopped_while_another_terminal_follows_it(product: Product, nicectl: Nicectl) -> None:
    following = command(product, "run", "endless", "--follow")
    with subprocess.Popen(following, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as terminal:
        assert terminal.stdout is not None
        assert terminal.stdout.readline() == "begun\n"
        run = nicectl("runs", "endless", "--state", "running", "-o", "name").stdout.strip()
        stopped = nicectl("cancel", run)
        _, said = terminal.communicate(timeout=30)
    assert stopped.returncode == 0, stopped.stderr
    assert terminal.returncode == 1
    assert f"run {run} cancelled" in said


def test_ctrl_c_ends_the_following_and_not_the_run(product: Product, nicectl: Nicectl) -> None:
    following = command(product, "run", "endless", "--follow")
    with subprocess.Popen(following, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as terminal:
        assert terminal.stdout is not None
        assert terminal.stdout.readline() == "begun\n"
        terminal.send_signal(signal.SIGINT)
        terminal.communicate(timeout=30)
    run = nicectl("runs", "endless", "--state", "running", "-o", "name").stdout.strip()
    nicectl("cancel", run)
    assert terminal.returncode == 130
    assert run


def test_tasks_are_listed_described_and_their_next_moments_told(nicectl: Nicectl) -> None:
    names = nicectl("list", "-o", "name").stdout.split()
    assert names == [f"default/{task}" for task in ("broken", "endless", "hello", "nightly", "slow")]
    assert "02:00" in nicectl("describe", "nightly").stdout
    assert len(nicectl("next", "nightly", "-c", "3", "-o", "name").stdout.splitlines()) == 3


def test_logs_and_history_are_there_afterwards_and_a_run_is_repeated(nicectl: Nicectl) -> None:
    nicectl("run", "hello", "--payload", '{"name": "Eve"}', "--wait")
    assert nicectl("logs", "hello").stdout == "greeting Eve\n"
    run = nicectl("runs", "hello", "--limit", "1", "-o", "name").stdout.strip()
    again = nicectl("retry", run, "-o", "name").stdout.strip()
    followed = nicectl("logs", "-f", again)
    assert again != run
    assert followed.stdout == "greeting Eve\n"


def test_what_is_not_there_is_told_apart_from_a_failure(nicectl: Nicectl) -> None:
    missing = nicectl("run", "helo", "--wait")
    assert missing.returncode == 4
    assert "hello" in missing.stderr
    assert nicectl("cancel", "01990000-0000-7000-8000-000000000001").returncode == 4


def test_a_run_that_has_ended_cannot_be_cancelled(nicectl: Nicectl) -> None:
    run = json.loads(nicectl("run", "hello", "-o", "json", "--wait").stdout)["id"]
    ended = nicectl("cancel", run)
    assert ended.returncode == 5
    assert "succeeded" in ended.stderr


def test_the_same_idempotency_key_makes_one_run(nicectl: Nicectl) -> None:
    runs = {nicectl("run", "hello", "--idempotency-key", "once", "-o", "name").stdout for _ in range(2)}
    assert len(runs) == 1


def test_the_local_worker_is_listed(nicectl: Nicectl) -> None:
    assert len(nicectl("workers", "-o", "name").stdout.splitlines()) == 1


def test_lint_tells_a_good_file_from_a_bad_one(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(TASKS)
    bad.write_text(TASKS.replace('timeoutAfter: "20 seconds"', 'timeoutAfter: "soon"', 1))
    codes = [
        subprocess.run(
            [sys.executable, "-m", "nice_cli", "lint", str(path)],
            capture_output=True,
            check=False,
            timeout=30,
        )
        for path in (good, bad)
    ]
    assert [ended.returncode for ended in codes] == [0, 1], [ended.stderr for ended in codes]
    assert b"timeoutAfter" in codes[1].stdout + codes[1].stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "tasks.yaml").write_text(TASKS)
    return tasks


def test_dev_becomes_the_server_so_that_ctrl_c_reaches_it(folder: Path, tmp_path: Path) -> None:
    started = Product(folder, tmp_path / "data", module="nice_cli")
    started.start()
    started.await_worker()
    assert started.process is not None
    program = Path(f"/proc/{started.process.pid}/cmdline").read_bytes().split(b"\0")
    assert started.stop() == 0
    assert b"nice_operator" in program


def test_ctrl_c_at_once_ends_the_server_too(folder: Path, tmp_path: Path) -> None:
    started = Product(folder, tmp_path / "data", module="nice_cli")
    started.start()
    assert started.stop() == 0
