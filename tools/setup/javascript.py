"""The packages of the JavaScript examples, as their lock says, installed by npm; nothing is done twice."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import console


def install(folder: Path) -> None:
    """Bring ``node_modules`` of ``folder`` to what ``package-lock.json`` says. Raises ``console.Problem``."""
    lock = folder / "package-lock.json"
    if not lock.exists():
        return
    stamp = folder / "node_modules" / ".nice-setup"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    console.say(f"installing the packages of {folder} with npm")
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    if subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        raise console.Problem(
            f"`{' '.join(command)}` in {folder} failed (its reason is above). "
            "Check the network, or name another registry with `npm config set registry`."
        )
    stamp.write_text(wanted, encoding="utf-8")
