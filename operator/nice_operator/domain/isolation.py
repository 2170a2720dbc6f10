"""What a worker's kernel keeps its runs from, in words. Source: the worker's ``zygote/landlock.py``."""

from __future__ import annotations

from collections.abc import Mapping

SCOPES = 6
"""The version of Landlock from which runs cannot signal each other either (Linux 6.12)."""


def weakness(facts: Mapping[str, str]) -> str:
    """What is missing between runs of one worker, from its ``facts``; "" when nothing is, or it has not
    said."""
    version = facts.get("landlock", "")
    if not version.isdecimal() or int(version) >= SCOPES:
        return ""
    if int(version) > 0:
        return "its runs can signal each other, since its kernel is older than Linux 6.12; trust them alike"
    why = facts.get("landlock_trouble", "") or "no Landlock"
    return f"its runs can signal and read each other ({why}); use nodes with Linux 6.12 or trust them alike"
