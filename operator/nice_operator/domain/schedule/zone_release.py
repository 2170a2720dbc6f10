"""Which release of the time-zone database counts here: two releases may disagree about the future."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import TZPATH

_NAMED = re.compile(r"(?:# version )?(\d{4}[a-z]+)")


def zone_release(search: Sequence[str] = TZPATH) -> str:
    """Such as ``2025b``; of the first directory that says so, else of the ``tzdata`` package."""
    for line in _first_lines(search):
        if found := _NAMED.fullmatch(line.strip()):
            return found[1]
    try:
        return f"tzdata {version('tzdata')}"
    except PackageNotFoundError:
        return "unknown"


def _first_lines(search: Sequence[str]) -> Iterator[str]:
    for directory in search:
        for name in ("tzdata.zi", "+VERSION"):
            try:
                with Path(directory, name).open(encoding="ascii") as file:
                    yield file.readline()
            except (OSError, ValueError):
                continue
