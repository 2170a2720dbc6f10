"""Processor time of a whole cluster: its pods, also those that are gone, its control plane and its nodes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.cluster import processes
from tests.cluster import cgroups
from tests.cluster.places import Places

PODS = "pods"


@dataclass(frozen=True)
class Cost:
    """Seconds of processor time until ``at``: of all pods together, and of each process outside of them, by
    its id. Pods' shims count while they live; what one used is not known any more when it has ended."""

    at: float
    used: Mapping[str, float]

    @classmethod
    def now(cls, places: Places) -> Self:
        """As it is now."""
        used = {PODS: _of_pods(places)}
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                if _is_of(entry, places):
                    used[entry.name] = processes.cpu_of(int(entry.name))
        return cls(time.monotonic(), used)

    def since(self, before: Self) -> float:
        """Seconds that were used between the two."""
        return sum(used - before.used.get(who, 0.0) for who, used in self.used.items())

    def rate_since(self, before: Self) -> float:
        """The same for each second."""
        return self.since(before) / (self.at - before.at)


def _of_pods(places: Places) -> float:
    """Control groups keep what their ended children used."""
    for group in cgroups.left(places.name):
        nanoseconds, stat = group / "cpuacct.usage", group / "cpu.stat"
        if nanoseconds.exists():
            return int(nanoseconds.read_text()) / 1e9
        if stat.exists() and "usage_usec" in stat.read_text():
            values = dict(line.split() for line in stat.read_text().splitlines())
            return int(values["usage_usec"]) / 1e6
    raise RuntimeError(f"cluster {places.name} has no control group that tells processor time")


def _is_of(entry: Path, places: Places) -> bool:
    return f"{places.home}/".encode() in (entry / "cmdline").read_bytes()
