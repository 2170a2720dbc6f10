"""Follow a run to its end, over broken connections and restarts of the server."""

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

Writer = Callable[[str, str], None]
"""Takes the stream (stdout, stderr or system) and the text of some log lines."""

Note = Callable[[str], None]
"""Tells the person something beside the answer."""


@dataclass(slots=True)
class _Patience:
    """How long the server has been away. Each absence is told once."""

    note: Note
    since: float | None = field(default=None)

    def heard(self) -> None:
        self.since = None

    def lost(self, failure: Unreachable) -> None:
        """Wait a moment before the next try; raises ``failure`` when it took too long."""
        if self.since is None:
            self.since = time.monotonic()
            self.note("The connection to the server is lost; the run goes on. Trying again…")
        if time.monotonic() - self.since > PATIENCE_SECONDS:
            raise failure
        time.sleep(RETRY_SECONDS)


@dataclass(slots=True)
class _Attempts:
    """Which attempt's log is shown. That another one begins is told."""

    note: Note
    number: int | None = field(default=None)

    def show(self, chunk: dict[str, Any], write: Writer) -> None:
        number = chunk.get("attempt")
        if self.number not in (None, number):
            self.note(f"Attempt {self.number} did not succeed; attempt {number}:")
        self.number = number
        write(chunk["stream"], chunk["text"])


def wait_for_end(api: Api, run: str, note: Note) -> Document:
    """The run when it has ended. Raises Failure."""
    patience = _Patience(note)
    while True:
        try:
            document = api.run(run, wait=WAIT_SECONDS, reveal="result")
        except Unreachable as failure:
            patience.lost(failure)
            continue
        patience.heard()
        if document["final"]:
            return document


def follow(api: Api, run: str, attempt: int | None, write: Writer, note: Note) -> Document:
    """Write the log as it grows: of one attempt, or of all until the run has ended. The run as it then is.

    Raises Failure.
    """
    patience, attempts, last = _Patience(note), _Attempts(note), ""
    while True:
        try:
            for event in sse.events(api.follow(run, attempt, last), last):
                patience.heard()
                last = event.id
                if event.kind == "end":
                    ended: Document = exact.loads(event.data)
                    return ended
                if event.kind == "log":
                    attempts.show(exact.loads(event.data), write)
            raise api.http.went_away()
        except Unreachable as failure:
            patience.lost(failure)
