"""One line of a doctor's report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is. A warning costs somebody something; a failure keeps the product from working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """``check`` is what was looked at, ``remedy`` what helps ("" where nothing has to be done)."""

    level: Level
    check: str
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    """Nothing has to be done."""
    return Finding(Level.OK, check, message)


def warn(check: str, message: str, remedy: str) -> Finding:
    """It works, and could be better."""
    return Finding(Level.WARN, check, message, remedy)


def fail(check: str, message: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(Level.FAIL, check, message, remedy)


def named(names: list[str], most: int = 5) -> str:
    """The first of them, and how many more."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
