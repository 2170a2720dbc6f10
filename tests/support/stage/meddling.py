"""Tasks that come, change and go while harm is done, and whether the product's database knows it."""

from __future__ import annotations

import time
from typing import Any

from tests.support.release import python_task, until
from tests.support.stage.effects import SOURCE
from tests.support.stage.load import EVERY, KEEP
from tests.support.stage.stage import Stage


def ticking(stage: Stage, name: str, **spec: Any) -> dict[str, Any]:
    """A task that fires as often as the load does."""
    common = {
        "schedule": EVERY,
        "payload": {"task": name, "seconds": 0.2},
        "history": {"succeeded": KEEP, "failed": KEEP},
    }
    made = python_task(name, SOURCE, **{**common, **spec})
    made["metadata"]["namespace"] = stage.namespace
    return made


def change(stage: Stage, name: str) -> None:
    """Its next generation; nothing about when it fires."""
    text = '{"spec": {"description": "changed"}}'
    stage.kubectl("patch", "nicetask", name, "-n", stage.namespace, "--type=merge", "-p", text)


def delete(stage: Stage, *names: str) -> None:
    """At once."""
    stage.kubectl("delete", "nicetask", *names, "-n", stage.namespace)


def generation(stage: Stage, name: str) -> int:
    """That the database knows of a living task; 0: of none."""
    found = stage.rows(f"SELECT observed_generation FROM tasks WHERE living = 1 AND name = '{name}'")
    return int(found[0][0]) if found else 0


def known(stage: Stage, name: str, wanted: int, within: float) -> float:
    """Wait until the database knows that generation (0: that it is gone); how many seconds it took."""
    began = time.monotonic()

    def look() -> bool | None:
        try:
            return generation(stage, name) == wanted or None
        except OSError:
            return None

    until(look, f"generation {wanted} of {name} is known", within)
    return time.monotonic() - began
