"""Which of a module's optional functions a task may define: found by its name in the text, not by running it.

Most tasks define none, and must not pay a process for the question. A module whose file cannot be found from
here (an extension, an archive, another container's disk) may define any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SHOULD_HOST_RUN = "should_host_run"
SERIALIZE_LOG_EVENT = "serialize_log_event"


def may_define(execution: dict[str, Any], hook: str, task_path: str) -> bool:
    """Whether a helper has to be asked. ``task_path``: the folder first on the import path of runs, or ""."""
    if "python" in execution:
        return hook in execution["python"]["source"]
    if "function" in execution:
        text = _source_of(execution["function"].partition(":")[0], task_path)
        return text is None or hook in text
    return False


def _source_of(module: str, task_path: str) -> str | None:
    for file in _candidates(module, [*([task_path] if task_path else []), *sys.path]):
        try:
            return file.read_text(errors="replace")
        except (OSError, ValueError):
            continue
    return None


def _candidates(module: str, folders: Iterable[str]) -> Iterable[Path]:
    relative = Path(*module.split("."))
    for folder in folders:
        yield Path(folder, relative, "__init__.py")
        yield Path(folder, relative.with_name(relative.name + ".py"))
