"""``nice-runner install-zygote DIR``: a copy of the forking side, for an image that has Python and nothing
of ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import nice_runner.zygote

READABLE_FILE, READABLE_FOLDER = 0o644, 0o755
"""Whoever runs as another user in the other container must be able to read it."""


def install_zygote(folder: Path) -> Path:
    """Copy the package to ``folder``, over an older copy. Returns where it is; ``PYTHONPATH=folder python3
    -m zygote`` starts it. Raises OSError."""
    source = Path(nice_runner.zygote.__file__).parent
    target = folder / "zygote"
    if target.exists():
        shutil.rmtree(target)
    target.mkdir(parents=True)
    target.chmod(READABLE_FOLDER)
    for module in sorted(source.glob("*.py")):
        shutil.copyfile(module, target / module.name)
        (target / module.name).chmod(READABLE_FILE)
    return target
