"""Logs of a run's attempts: in pages, as downloads, and live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from aiohttp import web

from nice_operator.domain.errors import NotFound
from nice_operator.domain.run import Run
from nice_operator.ports import LogChunk
from nice_operator.web.answers import attachment, json_response
from nice_operator.web.api.runs import run_of
from nice_operator.web.documents import chunk_document, log_document
from nice_operator.web.follow import follow_events, position_of
from nice_operator.web.keys import ENGINE
from nice_operator.web.logformat import reader_of
from nice_operator.web.loglines import Parts, formatted
from nice_operator.web.requests import integer
from nice_operator.web.routing import Access, Operation, Route
from nice_operator.web.sse import stream

PAGE_BYTES = 256 * 1024
MAX_PAGE_BYTES = 4 * 1024 * 1024
MAX_LINE = 2**53

Writer = Callable[[Iterable[LogChunk]], Iterator[str]]


def attempt_number(request: web.Request, run: Run) -> int:
    """The attempt asked for; the newest when none is. Raises NotFound for one that there is not."""
    newest = max(run.attempt, 1)
    number = integer(request, "attempt", newest, 0, MAX_LINE)
    if not 1 <= number <= newest:
        count = "1 attempt" if run.attempt == 1 else f"{run.attempt} attempts"
        raise NotFound(f"run {run.id} has no attempt {number}; so far there {_were(run.attempt)} {count}")
    return number


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


async def log_page(request: web.Request) -> web.Response:
    """Chunks after a line, about a quarter of a mebibyte at a time."""
    run = await run_of(request)
    attempt = attempt_number(request, run)
    after = integer(request, "after", 0, 0, MAX_LINE)
    size = integer(request, "bytes", PAGE_BYTES, 1, MAX_PAGE_BYTES)
    chunks = await request.app[ENGINE].logs.read(run.id, attempt, after, size)
    return json_response(
        {
            "run": str(run.id),
            "attempt": attempt,
            "chunks": [chunk_document(chunk) for chunk in chunks],
            "next": chunks[-1].last if chunks else after,
            "log": log_document(run.log),
        }
    )


async def raw_log(request: web.Request) -> web.StreamResponse:
    """The log byte for byte as its run wrote it, both streams in the order they came."""
    return await _download(request, await run_of(request), "raw.log", lambda cs: (chunk.text for chunk in cs))


async def formatted_log(request: web.Request) -> web.StreamResponse:
    """The log to read: times, streams, no escapes, progress bars as they ended, JSON lines in words, or what
    the task itself makes of its lines."""
    run = await run_of(request)
    parts = Parts(reader_of(await request.app[ENGINE].runs.manifest_of(run)))
    return await _download(request, run, "log.txt", lambda chunks: formatted(chunks, parts))


async def _download(request: web.Request, run: Run, suffix: str, write: Writer) -> web.StreamResponse:
    attempt = attempt_number(request, run)
    response = web.StreamResponse(headers=attachment(f"{run.task}-{run.id}-{attempt}-{suffix}"))
    response.content_type = "text/plain"
    response.charset = "utf-8"
    await response.prepare(request)
    async for chunks in _pages(request, run, attempt):
        await response.write("".join(write(chunks)).encode("utf-8", "replace"))
    return response


async def _pages(request: web.Request, run: Run, attempt: int) -> AsyncIterator[list[LogChunk]]:
    after = 0
    while chunks := list(await request.app[ENGINE].logs.read(run.id, attempt, after, PAGE_BYTES)):
        yield chunks
        after = chunks[-1].last


async def follow_log(request: web.Request) -> web.StreamResponse:
    """Live: events ``log``, then one ``end`` with the run and its log's completeness."""
    run = await run_of(request)
    start = position_of(request, attempt_number(request, run) if "attempt" in request.query else 1)
    events = follow_events(request.app[ENGINE], run.id, start, pinned="attempt" in request.query)
    return await stream(request, events)


_LOGS = "/api/v1/runs/{id}/logs"
_FOUND = {200: "The log", 404: "No such run or attempt"}
_ATTEMPT = {"attempt": "Which attempt; the newest when absent"}
ROUTES = (
    Route(
        "GET", _LOGS, log_page, Access.READ,
        Operation("Log lines in pages", _FOUND,
                  {**_ATTEMPT, "after": "Only lines after this number", "bytes": "About how much text"}),
    ),
    Route(
        "GET", _LOGS + "/raw", raw_log, Access.READ,
        Operation("The log as it was written", _FOUND, _ATTEMPT, media="text/plain"),
    ),
    Route(
        "GET", _LOGS + "/formatted", formatted_log, Access.READ,
        Operation("The log to read: times and streams, no escapes", _FOUND, _ATTEMPT, media="text/plain"),
    ),
    Route(
        "GET", _LOGS + "/events", follow_log, Access.READ,
        Operation(
            "The log live, as server-sent events: log …, then end; without attempt, of all attempts",
            _FOUND, {**_ATTEMPT, "after": "Only lines after this one: 17, or 2:17 for attempt 2"},
            media="text/event-stream",
        ),
        streams=True,
    ),
)  # fmt: skip
