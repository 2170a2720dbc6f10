"""The control groups of a cluster's nodes: made before a kubelet starts, removed when the cluster is gone.

Works with version 1 (one tree per controller) and version 2 (one tree for all).
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.cluster.waiting import until

MOUNT = Path("/sys/fs/cgroup")
PREFIX = "nice-cluster"


def root_of(cluster: str, node: str) -> str:
    """What a kubelet gets as its ``cgroupRoot``."""
    return f"/{PREFIX}-{cluster}/{node}"


def create(cluster: str, node: str) -> None:
    """Make the node's groups. A new cpuset is empty and would hold nobody until its CPUs are named."""
    for tree in _trees():
        path = tree / root_of(cluster, node).lstrip("/")
        path.mkdir(parents=True, exist_ok=True)
        for group in (path.parent, path):
            for name in ("cpuset.cpus", "cpuset.mems"):
                _inherit(group / name)


def clear(cluster: str) -> None:
    """Kill whoever is still inside and remove the groups. Nothing there is fine."""
    for tree in _trees():
        top = tree / f"{PREFIX}-{cluster}"
        for folder, _, _ in os.walk(top, topdown=False):
            _remove(Path(folder))


def left(cluster: str) -> list[Path]:
    """The groups that exist."""
    return [top for tree in _trees() if (top := tree / f"{PREFIX}-{cluster}").exists()]


def _trees() -> list[Path]:
    if (MOUNT / "cgroup.controllers").exists():
        return [MOUNT]
    return [path for path in sorted(MOUNT.iterdir()) if path.is_dir() and not path.is_symlink()]


def _inherit(setting: Path) -> None:
    parent = setting.parent.parent / setting.name
    if setting.exists() and parent.exists() and not setting.read_text().strip():
        setting.write_text(parent.read_text())


def _remove(group: Path) -> None:
    """Groups empty themselves a moment after their processes were killed."""
    until(f"control group {group} is empty", lambda: _removed(group), 10)


def _removed(group: Path) -> bool:
    for pid in (group / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    try:
        group.rmdir()
    except OSError:
        return False
    return True
