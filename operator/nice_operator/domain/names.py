"""Names of tasks: what the job API may call them, and what pages, addresses and the command line do.

A NiceTask has both; a task that nobody declared has only the first, and the second is derived from it.
"""

from __future__ import annotations

import hashlib
import re
from uuid import UUID, uuid5

LONGEST = 253
"""Bytes of either name."""
TASK_NAME = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
"""What ``spec.taskName`` may be: no control characters, no space at either end."""

_TASKS_WITHOUT_CLUSTER = UUID("6a3e2a52-4f0b-5a0e-9d0c-6e6963650001")
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_RESOURCE_NAME = re.compile(rf"{_LABEL}([.]{_LABEL})*")
_NOT_IN_LABEL = re.compile("[^a-z0-9]+")
_LONGEST_STEM = 40
_DIGITS = 10


def uid_of(namespace: str, name: str) -> str:
    """The uid of a task that no cluster gave one: the same for the same namespace and name, for ever, so that
    a task stays the same one when a file declares what a worker brought before."""
    return str(uuid5(_TASKS_WITHOUT_CLUSTER, f"{namespace}/{name}"))


def is_task_name(text: str) -> bool:
    """Whether it can be a ``spec.taskName``."""
    return re.fullmatch(TASK_NAME, text) is not None and len(text.encode(errors="replace")) <= LONGEST


def resource_names(task_name: str) -> tuple[str, ...]:
    """What a task that is only known as ``task_name`` may be called where Kubernetes' rules hold, the best
    first. The last one is its own alone: it ends in a digest, as ``json-logger-2f41c09b7d``."""
    stem = _NOT_IN_LABEL.sub("-", task_name.lower()).strip("-")[:_LONGEST_STEM].strip("-")
    digest = hashlib.sha256(task_name.encode()).hexdigest()[:_DIGITS]
    distinct = f"{stem}-{digest}" if stem else f"task-{digest}"
    return (task_name, distinct) if _is_resource_name(task_name) else (distinct,)


def _is_resource_name(text: str) -> bool:
    return len(text) <= LONGEST and _RESOURCE_NAME.fullmatch(text) is not None
