"""How the test cluster speaks to the person who waits, and how it fails."""

from __future__ import annotations

import sys


class Problem(Exception):
    """The cluster cannot go on; ``str()`` names the thing, what was expected, what was found and the
    remedy."""


def say(line: str) -> None:
    """One line on standard error; standard output is for what programs read."""
    print(f"cluster: {line}", file=sys.stderr, flush=True)
