"""What an image is made of, as one short word: an image whose inputs are the same need not be built again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.cluster.places import ROOT


def digest(folder: Path, facts: object) -> str:
    """Of the files that a build in ``folder`` can see, and of the ``facts`` that decide beside them."""
    seen = hashlib.sha256(repr(facts).encode())
    for path in sorted(_visible(folder)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        seen.update(f"{path.relative_to(folder)} {path.stat().st_mode & 0o111} {content}\n".encode())
    return seen.hexdigest()[:16]


def locked_version(package: str) -> str:
    """The version of a Python package that ``uv.lock`` names."""
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    found = re.search(rf'^name = "{re.escape(package)}"\nversion = "([^"]+)"', text, re.MULTILINE)
    if found is None:
        raise LookupError(f"uv.lock names no package {package}; expected one that the tests depend on")
    return found[1]


def _visible(folder: Path) -> Iterator[Path]:
    yield folder / "Dockerfile"
    for top in _allowed(folder):
        for path in [top, *top.rglob("*")]:
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _allowed(folder: Path) -> list[Path]:
    """What ``.dockerignore`` lets through; everything where there is none."""
    ignore = folder / ".dockerignore"
    if not ignore.exists():
        return [folder]
    lines = ignore.read_text(encoding="utf-8").splitlines()
    return [folder / line[1:] for line in lines if line.startswith("!")]


def as_options(arguments: Mapping[str, str]) -> list[str]:
    """``--build-arg`` for each."""
    return [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
