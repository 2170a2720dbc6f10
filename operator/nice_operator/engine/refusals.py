"""Tasks that a worker is not one for, by their own word (``should_host_run``): remembered for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nice_operator.domain.ids import TaskId

REMEMBERED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class TaskVersion:
    """One generation of a task."""

    task_id: TaskId
    generation: int


class Refusals:
    """What one worker refused, and why. Times are seconds of a monotonic clock.

    A new connection begins with none: should a run be offered again, the worker still knows its answer.
    """

    def __init__(self) -> None:
        self._until: dict[TaskVersion, tuple[float, str]] = {}

    def note(self, version: TaskVersion, why: str, now: float) -> None:
        """It is not to be offered for REMEMBERED_SECONDS."""
        self._until[version] = (now + REMEMBERED_SECONDS, why)

    def current(self, now: float) -> Mapping[TaskVersion, str]:
        """Those that hold, with their reasons."""
        self._until = {version: entry for version, entry in self._until.items() if entry[0] > now}
        return {version: why for version, (_, why) in self._until.items()}
