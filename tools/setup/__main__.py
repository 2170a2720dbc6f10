"""Make this checkout ready to run: ``python3 tools/setup [run|dev|test|mysql|cluster|lock]``.

Needs Python ≥ 3.11 and nothing else (no pip, no venv, no package of ours): it finds or fetches uv, then
lets uv install the locked dependencies into ``.venv``. Says nothing when there is nothing to do.

``run``: what the product needs. ``dev``: also linters, types and tests. ``test``: also the programs that the
tests start (a MariaDB server, Chromium, Node). ``mysql``: also what fetches a MySQL server. ``cluster``:
instead of these, what the test cluster is made of. ``lock``: installs nothing, says whether ``uv.lock`` fits
the ``pyproject.toml`` files.
"""

import sys

if sys.version_info < (3, 8):  # noqa: UP036 - what follows does not even parse there, so this file must
    sys.exit("setup: ✗ Python 3.11 or newer is needed; make PYTHON=/path/to/python3.11 … names one")

import os
from pathlib import Path

import console
import environment
import interpreter
import javascript
import system
import uv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LEVELS = ("run", "dev", "test", "mysql", "cluster", "lock")


def prepare(level: str) -> None:
    """Bring the checkout to ``level``. Raises ``console.Problem``."""
    python = interpreter.find()
    tool = uv.find_or_fetch(uv.Pins.load(HERE / "uv.json"))
    if level == "lock":
        environment.check_lock(ROOT, tool)
        return
    environment.sync(ROOT, tool, python, development=level != "run")
    if level in ("test", "mysql"):
        system.install_missing(system.read_needs(HERE / "needs.json"))
        javascript.install(ROOT / "examples" / "workman")
    if level == "mysql" and not os.environ.get("NICE_TEST_MYSQL_URL"):
        system.install_missing(system.read_needs(HERE / "needs-mysql.json"))
    if level == "cluster" and not _has_a_cluster():
        system.install_missing(system.read_needs(HERE / "needs-cluster.json"))


def _has_a_cluster() -> bool:
    """Whether the tests will use a cluster that is given, or a Docker engine that answers (a client alone is
    none), and need no machines of their own."""
    return bool(os.environ.get("NICE_E2E_CONTEXT")) or system.succeeds(["docker", "info"])


def main(arguments: "list[str]") -> int:
    """Exit code 0 when the checkout is ready, 1 with a remedy when not, 2 for wrong arguments."""
    level = arguments[0] if arguments else "run"
    if len(arguments) > 1 or level not in LEVELS:
        console.say(f"expected one of {', '.join(LEVELS)}, found: {' '.join(arguments)}")
        return 2
    try:
        prepare(level)
    except console.Problem as problem:
        console.say(f"✗ {problem}")
        return 1
    except KeyboardInterrupt:
        console.say("interrupted; run the same command again to go on")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
