"""The zygote runs in any image with Python 3.9 or later: tried with every one that this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.operator import FakeOperator
from tests.support.containers import TOKEN, Pod

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


_PATH = [*map(str, Path.home().glob(".pyenv/versions/*/bin")), *os.environ.get("PATH", "").split(os.pathsep)]


def _pythons() -> list[str]:
    """One of each version that starts in a bare environment; the one that runs these tests at least."""
    found = {version: _find(f"python{version}") for version in VERSIONS}
    found[f"{sys.version_info[0]}.{sys.version_info[1]}"] = sys.executable
    return [path for path in found.values() if path is not None]


def _find(name: str) -> str | None:
    path = shutil.which(name, path=os.pathsep.join(_PATH))
    if path is None or subprocess.run([path, "-c", ""], env={}, capture_output=True).returncode != 0:
        return None
    return path


@pytest.mark.parametrize("python", _pythons())
async def test_it_serves_runs_in_a_foreign_python(operator: FakeOperator, python: str) -> None:
    operator.behaviour.token = TOKEN
    pod = Pod(await operator.listen(), python)
    try:
        pod.start_zygote("--preload", "decimal,asyncio", other_user=False)
        pod.start_supervisor()
        source = "import sys, asyncio\nasync def run(p):\n    print('hi')\n    return sys.executable"
        record = await operator.python(source, memory_limit=512 << 20)
        finish = await operator.finished(record)
        assert finish.state == "succeeded", record.text("stderr")
        assert Path(json.loads(finish.result or "")).samefile(python)
        failing = await operator.python("def run(p): raise ValueError('no')", unhandled_errors="Strict")
        assert (await operator.finished(failing)).reason == "Error"
        late = await operator.command("sh", "-c", "sleep 60", timeout=0.3, grace=0.2)
        assert (await operator.finished(late)).state == "timed_out"
    finally:
        pod.remove()
