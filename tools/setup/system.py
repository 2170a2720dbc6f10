"""The programs that the tests start: named, and installed with apt-get where that is possible."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from glob import iglob
from pathlib import Path

import console

EXTRA_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@dataclass(frozen=True)
class Need:
    """A Debian package, what it is for, and what must be there of it: programs, and files by pattern."""

    package: str
    purpose: str
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    def met(self) -> bool:
        """Whether all of it is here already, whoever installed it."""
        return all(map(_which, self.programs)) and all(any(iglob(f, recursive=True)) for f in self.files)


def read_needs(path: Path) -> list[Need]:
    """From ``needs.json``."""
    return [Need(**need) for need in json.loads(path.read_text(encoding="utf-8"))]


def install_missing(needs: list[Need]) -> None:
    """Install what is not here. Raises ``console.Problem`` with the command to type when it cannot."""
    missing = [need for need in needs if not need.met()]
    if not missing:
        return
    for need in missing:
        console.say(f"missing: {need.package} ({need.purpose})")
    _install([need.package for need in missing])
    still = [need.package for need in missing if not need.met()]
    if still:
        raise console.Problem(
            f"apt-get installed {', '.join(still)}, yet the programs are not found on PATH."
        )


def succeeds(command: list[str]) -> bool:
    """Whether ``command`` is here and ends well within ten seconds."""
    if _which(command[0]) is None:
        return False
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=10).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _install(packages: list[str]) -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    prefix = _root_prefix()
    if not shutil.which("apt-get") or prefix is None:
        raise _by_hand(packages, "it needs apt-get and the rights of root (directly or through sudo)")
    console.say(f"installing {', '.join(packages)} with apt-get")
    if _run([*prefix, *command]) == 0:
        return
    console.say("apt-get could not; fetching its package lists first")
    if _run([*prefix, "apt-get", "update"]) != 0 or _run([*prefix, *command]) != 0:
        raise _by_hand(packages, "apt-get failed, its reason is above")


def _root_prefix() -> list[str] | None:
    """How to become root: not at all when we are, sudo when it needs no password or can ask for one."""
    if os.geteuid() == 0:
        return []
    if not shutil.which("sudo"):
        return None
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return ["sudo"] if silent or os.isatty(0) else None


def _run(command: list[str]) -> int:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = [*command, "-qq"] if "apt-get" in command else command
    return subprocess.run(quiet, env=env, stdout=subprocess.DEVNULL, check=False).returncode


def _which(program: str) -> str | None:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return shutil.which(program, path=os.pathsep.join([*folders, *EXTRA_FOLDERS]))


def _by_hand(packages: list[str], why: str) -> console.Problem:
    return console.Problem(
        f"the tests need {', '.join(packages)}, which could not be installed: {why}. "
        f"Remedy: sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(packages)}; "
        "on other systems install what tools/setup/needs*.json name by their own means."
    )
