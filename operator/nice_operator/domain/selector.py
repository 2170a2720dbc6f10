"""Worker selectors: labels that a task wants its worker to have."""

from __future__ import annotations

from collections.abc import Mapping

ANY_WORKER = ""
"""The canonical selector of a task that does not care."""


def canonical(selector: Mapping[str, str]) -> str:
    """One text per meaning, ``key=value`` joined by commas and sorted: equal selectors compare equal."""
    return ",".join(f"{key}={selector[key]}" for key in sorted(selector))


def satisfied(canonical_selector: str, labels: Mapping[str, str]) -> bool:
    """Whether a worker with these labels may run it."""
    if canonical_selector == ANY_WORKER:
        return True
    pairs = (part.partition("=") for part in canonical_selector.split(","))
    return all(labels.get(key) == value for key, _, value in pairs)
