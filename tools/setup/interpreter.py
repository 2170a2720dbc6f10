"""Find a Python that the product runs on, among those that the machine has. None is ever downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import console

MINIMUM = (3, 11)
NEWEST_TRIED = 16
REMEDY = (
    "Install one (Debian 12 and later: apt-get install python3) or name one: "
    "make PYTHON=/path/to/python3.11 …"
)


def find() -> Path:
    """The Python that runs this script if it is new enough, else the newest ``python3.X`` on PATH."""
    if sys.version_info[:2] >= MINIMUM:
        return _base_of_this_python()
    for minor in range(NEWEST_TRIED, MINIMUM[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and _works(found):
            return Path(found)
    raise console.Problem(
        f"Python {MINIMUM[0]}.{MINIMUM[1]} or newer is needed; found {sys.version.split()[0]} "
        f"at {sys.executable} and no newer one on PATH. {REMEDY}"
    )


def _base_of_this_python() -> Path:
    """Outside any virtual environment: ``.venv`` must not be built upon itself or on another project's."""
    if sys.prefix == sys.base_prefix:
        return Path(sys.executable)
    base = getattr(sys, "_base_executable", None)
    return Path(base if base and os.path.exists(base) else sys.executable)


def _works(python: str) -> bool:
    """A version manager's shim may be on PATH without a Python behind it."""
    answer = subprocess.run([python, "-c", ""], capture_output=True, check=False)
    return answer.returncode == 0
