"""The commands that the documents show are true: each ``console`` block is run as written.

Lines that begin with ``$`` are commands, the lines after one are what it prints (``…`` stands for anything,
a moment for any moment, an id for any id).
The server that `make run` would start on port 9999 is started on a free port instead.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.product import Product

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
UNIQUE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
RUN_HERE = ("curl", "nicectl", "bin/nicectl")
SERVER = "localhost:9999"
FOREVER = ("dev",)


@dataclass(frozen=True)
class Shown:
    """A command in a document, and what it is said to print (empty: not said)."""

    document: str
    line: int
    command: str
    output: str


def shown(document: str) -> Iterator[Shown]:
    """The commands of a document in order."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start(1)) + 1
        yield from _of_block(document, first, block[1].splitlines())


def _of_block(document: str, first: int, lines: list[str]) -> Iterator[Shown]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        command = lines[start][2:].split("  #")[0].strip()
        yield Shown(document, first + start, command, "\n".join(lines[start + 1 : end]).strip())


def timeless(text: str) -> str:
    """Without what differs from run to run by its nature."""
    return UNIQUE.sub("(unique)", text)


ALL = [command for document in DOCUMENTS for command in shown(document)]
EXECUTED = [
    c for c in ALL if shlex.split(c.command)[0] in RUN_HERE and shlex.split(c.command)[1] not in FOREVER
]
MADE = [c for c in ALL if shlex.split(c.command)[0] == "make"]


def name(command: Shown) -> str:
    return f"{command.document}:{command.line}"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(REPOSITORY / "crds/examples", tmp_path_factory.mktemp("data")) as running:
        yield running


def test_the_readme_shows_how_to_start_and_how_to_ask() -> None:
    commands = [command.command for command in shown("README.md")]
    assert "make run" in commands
    assert any(command.startswith("curl ") for command in commands)


def test_every_command_of_the_documents_is_of_a_kind_that_is_tried_here() -> None:
    kinds = {shlex.split(command.command)[0] for command in ALL}
    assert kinds <= {*RUN_HERE, "make", "git", "cd"}, "teach this test what to do with a new kind of command"


@pytest.mark.parametrize("command", MADE, ids=name)
def test_a_make_command_of_the_documents_exists(command: Shown) -> None:
    tried = subprocess.run(
        ["make", "--dry-run", *shlex.split(command.command)[1:]],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr


@pytest.mark.parametrize("command", EXECUTED, ids=name)
def test_a_command_of_the_documents_does_what_they_show(command: Shown, product: Product) -> None:
    address = product.base.removeprefix("http://")
    path = f"{REPOSITORY / 'bin'}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", command.command.replace(SERVER, address)],
        cwd=REPOSITORY, env={**os.environ, "PATH": path, "NICE_SERVER": product.base},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if command.output:
        pattern = re.escape(timeless(command.output)).replace("…", ".*")
        assert re.fullmatch(pattern, timeless(ended.stdout.strip()), re.DOTALL), ended.stdout
