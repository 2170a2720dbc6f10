"""A dev server that asks for tokens, as a person, a program and node-workman's clients meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.access import ADA, BOB, token_directory
from tests.support.product import Product

EXAMPLES = Path(__file__).parents[2] / "examples" / "workman"
WITHIN = 60.0
MANIFEST = """
apiVersion: nicecommander.dev/v1beta1
kind: NiceTask
metadata: {name: whose}
spec:
  timeoutAfter: 1 minute
  run: {python: {source: "def run(payload):\\n    return payload\\n"}}
"""


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "whose.yaml").write_text(MANIFEST)
    tokens = token_directory(tmp_path / "tokens")
    with Product(folder, tmp_path / "data", "--tokens", str(tokens), module="nice_cli") as running:
        yield running


def nicectl(product: Product, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nice_cli", *words],
        env={**os.environ, "NICE_SERVER": product.base, **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )


def test_nicectl_is_refused_without_a_token_and_served_with_one(product: Product, tmp_path: Path) -> None:
    refused = nicectl(product, "list")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "--token-file" in refused.stderr

    file = str(tmp_path / "tokens" / "ada")
    ran = nicectl(product, "run", "whose", "--payload", "21", "--wait", "--token-file", file)
    assert (ran.returncode, ran.stdout.strip()) == (0, "21"), ran.stderr
    runs = nicectl(product, "runs", "-o", "json", NICE_TOKEN=BOB)
    assert '"name": "ada"' in runs.stdout or '"name":"ada"' in runs.stdout, runs.stdout


def test_clients_and_workers_of_node_workman_carry_it_in_their_address(product: Product) -> None:
    where = product.base.removeprefix("http://")

    def node(program: str, user: str, *words: str) -> subprocess.Popen[str]:
        address = f"ws://{user}{where}/{'worker' if program == 'worker.js' else 'websocket'}"
        arguments = [address] if program == "worker.js" else list(words)
        return subprocess.Popen(
            ["node", program, *arguments],
            cwd=EXAMPLES,
            env={**os.environ, "WORKMAN_URL": address},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    worker = node("worker.js", f"me:{ADA}@")
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "connected\n"
        asked = node("client.js", f"anybody:{BOB}@", "names")
        out, _ = asked.communicate(timeout=WITHIN)
        assert asked.returncode == 0, out
        refused = node("client.js", "", "names")
        out, _ = refused.communicate(timeout=WITHIN)
        assert refused.returncode != 0
        assert "401" in out
    finally:
        worker.kill()
        worker.wait()
        if worker.stdout:
            worker.stdout.close()


def test_a_token_that_is_too_short_keeps_the_server_from_starting(tmp_path: Path) -> None:
    tokens = token_directory(tmp_path / "tokens", ada="short")
    started = subprocess.run(
        [sys.executable, "-m", "nice_operator", "dev", str(tmp_path), "--data", str(tmp_path / "data"),
         "--port", "0", "--tokens", str(tokens)],
        capture_output=True, text=True, timeout=WITHIN, check=False,
    )  # fmt: skip
    assert started.returncode == 2
    assert "openssl rand -hex 32" in started.stderr
    assert "short" not in started.stderr
