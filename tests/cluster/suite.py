"""The suite from beginning to end: a cluster, its images, pytest, and away with it; how long each part
took."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from tests.cluster import providers
from tests.cluster.places import ROOT
from tests.cluster.problem import say

SECONDS_TO_CLEAN_UP = 60


def run(name: str, nodes: int, arguments: Sequence[str]) -> int:
    """pytest's exit code. ``arguments`` go to pytest; without a path it is all of tests/e2e."""
    started = time.monotonic()
    with providers.opened(name, nodes) as target:
        ready = time.monotonic()
        say(f"cluster and images: {ready - started:.0f} s")
        paths = [] if any(word.startswith("tests/") for word in arguments) else ["tests/e2e"]
        command = [sys.executable, "-m", "pytest", "-m", "e2e", *paths, *arguments]
        code = _pytest(command, {**os.environ, **target.as_variable()})
        tested = time.monotonic()
        say(f"suite: {tested - ready:.0f} s")
    say(f"taking it away: {time.monotonic() - tested:.0f} s; all of it: {time.monotonic() - started:.0f} s")
    return code


def _pytest(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Its exit code. Whatever ends us ends it first, in the way in which it still cleans up."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_CLEAN_UP)
            process.kill()
            raise
