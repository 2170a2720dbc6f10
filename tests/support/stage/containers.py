"""The processes of a pod's containers, as the host sees them: to be frozen, thawed and killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Pod:
    """What is known of a pod without asking again. ``containers``: name → identifier of the runtime."""

    name: str
    node: str
    address: str
    containers: dict[str, str]
    restarts: int

    @classmethod
    def of(cls, document: dict[str, Any]) -> Pod:
        """As the API server tells it."""
        statuses = document["status"].get("containerStatuses", ())
        return cls(
            document["metadata"]["name"],
            document["spec"].get("nodeName", ""),
            document["status"].get("podIP", ""),
            {each["name"]: each.get("containerID", "").partition("://")[2] for each in statuses},
            sum(each["restartCount"] for each in statuses),
        )

    def signal(self, container: str, number: signal.Signals) -> int:
        """To every process of the container; how many there were."""
        pids = list(self.pids(container))
        assert pids, f"container {container} of pod {self.name} has no process"
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(pids)

    def pids(self, container: str) -> Iterator[int]:
        """Its processes."""
        identifier = self.containers[container]
        assert identifier, f"container {container} of pod {self.name} was never started"
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                number = int(entry.name)
                if identifier in (entry / "cgroup").read_text():
                    yield number
