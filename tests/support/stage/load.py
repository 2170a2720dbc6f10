"""What goes on while harm is done: thirty tasks of every policy, each few seconds, and callers who want
results."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.release import python_task
from tests.support.stage.effects import SOURCE

ASKED = "asked"
SAVED = "saved"
"""Long runs that go on when their worker cannot be reached."""
STOPPED = "stopped"
"""Long runs that must never overlap."""
KEEP = {"count": 10_000}
EVERY = os.environ.get("NICE_CHAOS_EVERY", "5 seconds")
"""How often each task fires: six fires a second are what two cores manage beside the cluster itself."""


def _task(name: str, seconds: float, **spec: Any) -> dict[str, Any]:
    common = {
        "payload": {"task": name, "seconds": seconds},
        "history": {"succeeded": KEEP, "failed": KEEP},
        "retry": {"backoff": {"initialSeconds": 1}},
    }
    return python_task(name, SOURCE, **{**common, **spec})


def tasks() -> Iterator[dict[str, Any]]:
    """Their manifests."""
    for number in range(8):
        yield _task(f"forbid-{number}", 0.3, schedule=EVERY)
    for number in range(4):
        yield _task(f"slow-{number}", 4.5, schedule=EVERY)
        yield _task(f"once-{number}", 0.3, schedule=EVERY, onLost="Fail")
        yield _task(f"free-{number}", 0.3, schedule=EVERY, concurrencyPolicy="Allow")
    for number in range(2):
        yield _task(f"queue-{number}", 3, schedule=EVERY, concurrencyPolicy="Enqueue", maxConcurrency=2)
        yield _task(f"merge-{number}", 6, schedule=EVERY, concurrencyPolicy="Coalesce")
        yield _task(f"newest-{number}", 6, schedule=EVERY, concurrencyPolicy="Replace")
        yield _task(f"all-{number}", 0.2, schedule=EVERY, catchUp="All")
        yield _task(f"none-{number}", 0.2, schedule=EVERY, catchUp="None")
    yield _task(STOPPED, 45, schedule="50 seconds", timeoutAfter="2 minutes")
    yield _task(SAVED, 100, schedule="50 seconds", timeoutAfter="4 minutes", concurrencyPolicy="Allow")
    yield _task(ASKED, 0.2)


def suspended(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The same task, firing no more."""
    return {**manifest, "spec": {**manifest["spec"], "suspend": True}}


Ask = Callable[[str, Mapping[str, Any], str], tuple[int, Any, str]]
"""(path, payload, Idempotency-Key) → status, answer, run id. Raises OSError when nobody answers."""


@dataclass
class Callers:
    """Programs that ask for jobs and wait for results, again with the same key until there is an answer.

    ``answers``: every (status, answer, run id) that ever came, by key."""

    ask: Ask
    name: str
    pause: float = 2.0
    count: int = 3
    answers: dict[str, set[tuple[int, str, str]]] = field(default_factory=dict)
    asked_again: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self) -> None:
        """Ask from now on."""
        self._threads = [threading.Thread(target=self._live, daemon=True) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()

    def stop(self, within: float) -> None:
        """Begin nothing new; returns when each has its answer. Raises AssertionError after ``within``
        seconds."""
        self._stop.set()
        deadline = time.monotonic() + within
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            assert not thread.is_alive(), f"a caller is without an answer after {within:g} s"

    def _live(self) -> None:
        while not self._stop.wait(self.pause):
            key = f"{self.name}-{next(self._numbers)}"
            while (answer := self._attempt(key)) is None:
                self.asked_again += 1
                time.sleep(0.5)
            self.answers.setdefault(key, set()).add(answer)

    def _attempt(self, key: str) -> tuple[int, str, str] | None:
        try:
            status, answer, run = self.ask(f"/task/{ASKED}", {"task": ASKED, "seconds": 0.2}, key)
        except OSError:
            return None
        return None if status in (404, 429, 502, 503) else (status, str(answer), run)
