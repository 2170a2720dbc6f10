"""Find uv, or fetch the pinned one: from the package index, checked against a hash of this repository."""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

import console
import index


@dataclass(frozen=True)
class Wheel:
    """A file of the package index and the SHA-256 it must have."""

    file: str
    sha256: str


@dataclass(frozen=True)
class Pins:
    """Which uv is fetched when none is there (``version``, by machine), and the oldest that will do."""

    version: str
    minimum: str
    wheels: dict[str, Wheel]

    @classmethod
    def load(cls, path: Path) -> Pins:
        """From ``uv.json``."""
        data = json.loads(path.read_text(encoding="utf-8"))
        wheels = {machine: Wheel(**wheel) for machine, wheel in data["wheels"].items()}
        return cls(data["version"], data["minimum"], wheels)


def find_or_fetch(pins: Pins) -> Path:
    """uv from PATH if it is new enough, else the one fetched before, else fetch it now."""
    on_path = shutil.which("uv")
    if on_path and _version(on_path) >= _numbers(pins.minimum):
        return Path(on_path)
    cached = cache() / f"uv-{pins.version}" / "uv"
    if not cached.exists():
        _fetch(pins, cached)
    return cached


def cache() -> Path:
    """Where fetched programs live: survives the checkout, is shared by all checkouts of a user."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "nice-commander"


def _version(program: str) -> tuple[int, ...]:
    """(0,) when the program does not answer as uv does (a shim without uv behind it, say)."""
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    words = answer.stdout.split()
    if answer.returncode != 0 or len(words) < 2 or words[0] != "uv":
        return (0,)
    return _numbers(words[1])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _fetch(pins: Pins, target: Path) -> None:
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in pins.wheels:
        raise console.Problem(
            f"uv {pins.minimum} or newer is needed and can be fetched for Linux on "
            f"{' and '.join(pins.wheels)} only; this is {platform.system()} on {machine}. "
            "Install it (https://docs.astral.sh/uv/getting-started/installation/) and try again."
        )
    wheel = pins.wheels[machine]
    console.say(f"fetching uv {pins.version} (once, into {target.parent})")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise console.Problem(
            f"cannot write {target.parent} ({error.strerror}). Set XDG_CACHE_HOME to a folder of yours."
        ) from error
    archive = target.parent / f"{wheel.file}.{os.getpid()}.part"
    try:
        index.download("uv", wheel.file, wheel.sha256, archive)
        _unpack(archive, target)
    finally:
        archive.unlink(missing_ok=True)


def _unpack(archive: Path, target: Path) -> None:
    """Atomic: another setup at the same time sees no half of a program."""
    partial = target.with_name(f"uv.{os.getpid()}.part")
    with zipfile.ZipFile(archive) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
        with wheel.open(name) as source, partial.open("wb") as out:
            shutil.copyfileobj(source, out)
    partial.chmod(partial.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    partial.replace(target)
