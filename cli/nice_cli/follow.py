"""Follow a run to its end: its log attempt by attempt, over broken connections and restarts of the server."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nice_cli import exact, sse
from nice_cli.api import Api, Document
from nice_cli.http import Unreachable

PATIENCE_SECONDS = 60.0
RETRY_SECONDS = 0.5
WAIT_SECONDS = 20.0
NEXT_ATTEMPT_SECONDS = 1.0

Chunk = Callable[[str, str], None]
"""Takes the stream (stdout, stderr or system) and the text of some log lines."""


@dataclass(slots=True)
class _Patience:
    """How long the server has been away. ``complain`` is called once per absence."""

    complain: Callable[[str], None]
    since: float | None = field(default=None)

    def heard(self) -> None:
        self.since = None

    def lost(self, failure: Unreachable) -> None:
        """Wait a moment before the next try; raises ``failure`` when it took too long."""
        if self.since is None:
            self.since = time.monotonic()
            self.complain("The connection to the server is lost; the run goes on. Trying again…")
        if time.monotonic() - self.since > PATIENCE_SECONDS:
            raise failure
        time.sleep(RETRY_SECONDS)


def wait_for_end(api: Api, run: str, complain: Callable[[str], None]) -> Document:
    """The run when it has ended. Raises Failure."""
    return _until(api, run, _Patience(complain), lambda document: bool(document["final"]), WAIT_SECONDS)


def follow(
    api: Api, run: str, attempt: int | None, write: Chunk, complain: Callable[[str], None]
) -> Document:
    """Write the log as it grows; the run when it has ended, or when ``attempt`` has. Raises Failure."""
    patience = _Patience(complain)
    document = api.run(run)
    number = attempt or max(document["attempt"], 1)
    while True:
        document = _follow_attempt(api, run, number, write, patience)
        if document["final"] or attempt:
            return document
        document = _next_attempt(api, run, number, patience)
        if document["attempt"] <= number:
            return document
        number = document["attempt"]


def _follow_attempt(api: Api, run: str, attempt: int, write: Chunk, patience: _Patience) -> Document:
    last = ""
    while True:
        try:
            for event in sse.events(api.follow(run, attempt, last), last):
                patience.heard()
                if event.kind == "end":
                    ended: Document = exact.loads(event.data)
                    return ended
                if event.kind == "log":
                    _write(event.data, write)
                    last = event.id
            raise api.http.went_away()
        except Unreachable as failure:
            patience.lost(failure)


def _next_attempt(api: Api, run: str, number: int, patience: _Patience) -> Document:
    """The run once it has ended or another attempt has begun."""

    def moved(document: Document) -> bool:
        return bool(document["final"]) or document["attempt"] > number

    return _until(api, run, patience, moved, NEXT_ATTEMPT_SECONDS)


def _until(
    api: Api, run: str, patience: _Patience, met: Callable[[Document], bool], seconds: float
) -> Document:
    while True:
        try:
            document = api.run(run, wait=seconds)
        except Unreachable as failure:
            patience.lost(failure)
            continue
        patience.heard()
        if met(document):
            return document


def _write(data: str, write: Chunk) -> None:
    chunk: dict[str, Any] = exact.loads(data)
    write(chunk["stream"], chunk["text"])
