"""What the command line's tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from nice_cli.__main__ import run
from tests.unit.cli.scripted_server import Script, serve

RUN = "01990000-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Nicectl = Callable[..., Ended]


@pytest.fixture
def server() -> Iterator[Script]:
    with serve(Script()) as script:
        yield script


@pytest.fixture
def nicectl(server: Script, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nicectl:
    """Runs the command line in this process against ``server``."""
    monkeypatch.setenv("NICE_SERVER", server.base)

    def call(*arguments: str, program: str = "nicectl") -> Ended:
        try:
            code = run([program, *arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    return call


def run_document(**changes: Any) -> dict[str, Any]:
    """A run as the server tells it."""
    return {
        "id": RUN,
        "namespace": "default",
        "task": "hello",
        "state": "succeeded",
        "final": True,
        "reason": "",
        "message": "",
        "requestedBy": {"trigger": "cli", "name": "", "email": ""},
        "createdAt": "2026-01-02T03:04:05.000Z",
        "availableAt": "2026-01-02T03:04:05.000Z",
        "durationSeconds": 0.25,
        "attempt": 1,
        "maxAttempts": 1,
        "worker": "local",
        "exitCode": 0,
        "signal": None,
        "log": {"lines": 2, "complete": True, "gaps": []},
        "result": None,
        **changes,
    }


def task_document(**changes: Any) -> dict[str, Any]:
    """A task as the server tells it."""
    return {
        "namespace": "default",
        "name": "hello",
        "taskName": "hello",
        "description": "Greets.",
        "generation": 3,
        "origin": "hello.yaml:1",
        "stalled": "",
        "suspended": False,
        "schedules": ["0 2 * * *"],
        "scheduleInWords": "At 02:00",
        "timeZone": "Etc/UTC",
        "timeoutInWords": "2 seconds",
        "concurrencyPolicy": "Forbid",
        "nextFireAt": "2999-01-01T02:00:00.000Z",
        "active": 0,
        "lastRuns": [run_document()],
        "payload": {"name": "Ada"},
        "manifest": {
            "timeoutAfter": "2 seconds",
            "run": {"python": {"source": "def run(payload):\n  return 1\n"}},
        },
        **changes,
    }


def log_event(first: int, text: str, stream: str = "stdout") -> tuple[str, Any, str]:
    """A ``log`` event of the server."""
    lines = text.count("\n")
    chunk = {"first": first, "lines": lines, "at": "2026-01-02T03:04:05.000Z", "stream": stream, "text": text}
    return ("log", chunk, f"1:{first + lines - 1}")
