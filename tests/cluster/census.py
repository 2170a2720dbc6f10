"""What there is of a cluster here, and of the machine's own network: to prove that nothing is left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.cluster import cgroups, remains
from tests.cluster.places import STATE, Places

Census = dict[str, frozenset[str]]
"""Kind of thing → the things. Other clusters on the machine do not show in it."""


def take(places: Places) -> Census:
    """As it is now. Processes without the cluster's mark (in containers, say) are known by their mounts."""
    ours = _processes(places)
    return {
        "processes": frozenset(ours),
        "namespaces": frozenset(_namespaces(ours)),
        "mounts": frozenset(line for line in _read("/proc/self/mountinfo") if str(places.home) in line),
        "control groups": frozenset(map(str, cgroups.left(places.name))),
        "files": frozenset(map(str, STATE.glob(f"{places.name}*"))),
        "addresses": _said("ip", "-o", "address"),
        "routes": _said("ip", "route", "show", "table", "all"),
        "firewall rules": _said("iptables-save"),
    }


def counts(census: Census) -> str:
    """In words."""
    return ", ".join(f"{len(things)} {kind}" for kind, things in census.items())


def differences(before: Census, after: Census) -> list[str]:
    """What came and what went, in words; empty when nothing did."""
    return [
        f"{kind} {sign} {thing}"
        for kind in before
        for sign, things in (("+", after[kind] - before[kind]), ("-", before[kind] - after[kind]))
        for thing in sorted(things)
    ]


def _processes(places: Places) -> list[str]:
    marked = set(map(str, remains.processes(places)))
    here = _link("/proc/self/ns/mnt")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        elsewhere = _link(f"/proc/{pid}/ns/mnt") not in {"", here}
        if elsewhere and any(f"{places.home}/" in line for line in _read(f"/proc/{pid}/mountinfo")):
            marked.add(pid)
    return sorted(marked)


def _namespaces(pids: Iterable[str]) -> set[str]:
    kinds = ("net", "mnt", "pid", "uts", "ipc")
    own = {_link(f"/proc/self/ns/{kind}") for kind in kinds}
    return {_link(f"/proc/{pid}/ns/{kind}") for pid in pids for kind in kinds} - own - {""}


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _said(*command: str) -> frozenset[str]:
    """Its lines; iptables-save's comments hold the time, its chains their counters."""
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return frozenset(line.split(" [")[0] for line in text.splitlines() if not line.startswith("#"))
