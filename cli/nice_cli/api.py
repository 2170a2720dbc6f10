"""The calls of ``/api/v1`` that the commands need. Documents stay what the server sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nice_cli.http import CONNECT_SECONDS, Http

ROOT = "/api/v1"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Api:
    """A server's calls. Every one raises ``errors.Failure``."""

    http: Http

    def tasks(self) -> list[Document]:
        """All tasks."""
        found: list[Document] = self.http.get(f"{ROOT}/tasks")["tasks"]
        return found

    def task(self, namespace: str, name: str) -> Document:
        """One task with its manifest."""
        found: Document = self.http.get(_task(namespace, name))
        return found

    def upcoming(self, namespace: str, name: str, count: int) -> Document:
        """The next planned moments of a task."""
        found: Document = self.http.get(f"{_task(namespace, name)}/upcoming", count=count)
        return found

    def explain(self, namespace: str, name: str) -> Document:
        """Why a task does not run now."""
        found: Document = self.http.get(f"{_task(namespace, name)}/explain")
        return found

    def request_run(self, namespace: str, name: str, payload: str | None, key: str | None) -> Document:
        """Ask for a run. ``payload`` is JSON text, None for the task's own; ``key`` makes repeats one."""
        body = "{}" if payload is None else f'{{"payload": {payload}}}'
        headers = {"Idempotency-Key": key} if key else {}
        run: Document = self.http.post(f"{_task(namespace, name)}/runs", body, headers)
        return run

    def runs(self, namespace: str | None, task: str | None, states: tuple[str, ...], limit: int) -> Document:
        """``{"runs": […], "next": cursor or null}``, newest first."""
        page: Document = self.http.get(
            f"{ROOT}/runs", namespace=namespace, task=task, state=list(states) or None, limit=limit
        )
        return page

    def run(self, run: str, wait: float | None = None, reveal: str | None = None) -> Document:
        """One run with its attempts; with ``wait`` when it has ended, or after so many seconds. ``reveal``
        "result": what looks secret in it is not masked, if we asked for the run."""
        found: Document = self.http.get(
            _run(run), timeout=CONNECT_SECONDS + (wait or 0), wait=wait, reveal=reveal
        )
        return found

    def cancel(self, run: str) -> Document:
        """Stop a run, or keep it from starting."""
        found: Document = self.http.post(f"{_run(run)}/cancel")
        return found

    def retry(self, run: str) -> Document:
        """Ask for the same again: a new run."""
        found: Document = self.http.post(f"{_run(run)}/retry")
        return found

    def follow(self, run: str, attempt: int | None, last_event_id: str) -> Iterator[bytes]:
        """The event stream of an attempt's log."""
        query = "" if attempt is None else f"?attempt={attempt}"
        return self.http.stream(f"{_run(run)}/logs/events{query}", last_event_id)

    def logs(self, run: str, attempt: int | None, after: int) -> Document:
        """``{"chunks": […], …}``: log lines after number ``after``."""
        page: Document = self.http.get(f"{_run(run)}/logs", attempt=attempt, after=after)
        return page

    def health(self) -> Document:
        """How each part of the replica that answers does, and who leads."""
        found: Document = self.http.get(f"{ROOT}/health")
        return found

    def broken_definitions(self) -> list[Document]:
        """Files of definitions that cannot be read, where there are files."""
        found: list[Document] = self.http.get(f"{ROOT}/definitions")["broken"]
        return found

    def pools(self) -> list[Document]:
        """The pools of workers."""
        found: list[Document] = self.http.get(f"{ROOT}/pools")["pools"]
        return found

    def workers(self) -> list[Document]:
        """Connected workers."""
        found: list[Document] = self.http.get(f"{ROOT}/workers")["workers"]
        return found


def _task(namespace: str, name: str) -> str:
    return f"{ROOT}/tasks/{quote(namespace, safe='')}/{quote(name, safe='')}"


def _run(run: str) -> str:
    return f"{ROOT}/runs/{quote(run, safe='')}"
