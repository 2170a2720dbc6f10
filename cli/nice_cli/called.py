"""What this program was called as: messages repeat it, so that a line can be typed again."""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

NICECTL = "nicectl"
PLUGIN = "kubectl "

_NAME: ContextVar[str] = ContextVar("called", default=NICECTL)


def called_as(path: str) -> str:
    """What the person typed: kubectl runs its plugins as ``kubectl-…`` and they are told as ``kubectl …``."""
    name = Path(path).name
    if name.startswith("kubectl-"):
        return PLUGIN + name.removeprefix("kubectl-").replace("-", " ").replace("_", "-")
    return NICECTL


def remember(name: str) -> None:
    """From now on this is the program's name."""
    _NAME.set(name)


def called() -> str:
    """``nicectl``, or ``kubectl nice``."""
    return _NAME.get()


def as_plugin() -> bool:
    """Whether kubectl started us, so that a cluster is meant."""
    return called().startswith(PLUGIN)
