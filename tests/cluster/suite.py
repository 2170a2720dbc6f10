"""The suite from beginning to end: a cluster, its images, pytest, and away with it; how long each part
took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.cluster import providers
from tests.cluster.places import ROOT
from tests.cluster.problem import say


def run(name: str, nodes: int, arguments: Sequence[str]) -> int:
    """pytest's exit code. ``arguments`` go to pytest; without a path it is all of tests/e2e."""
    started = time.monotonic()
    with providers.opened(name, nodes) as target:
        ready = time.monotonic()
        say(f"cluster and images: {ready - started:.0f} s")
        paths = [] if any(word.startswith("tests/") for word in arguments) else ["tests/e2e"]
        command = [sys.executable, "-m", "pytest", "-m", "e2e", *paths, *arguments]
        code = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **target.as_variable()}, check=False
        ).returncode
        tested = time.monotonic()
        say(f"suite: {tested - ready:.0f} s")
    say(f"taking it away: {time.monotonic() - tested:.0f} s; all of it: {time.monotonic() - started:.0f} s")
    return code
