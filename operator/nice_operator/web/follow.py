"""Following a run's log through its attempts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from aiohttp import web

from nice_operator.domain.ids import RunId
from nice_operator.engine.service import Engine
from nice_operator.ports import LogChunk
from nice_operator.web.documents import chunk_document, run_document
from nice_operator.web.masking import shown_aside
from nice_operator.web.sse import Event


@dataclass(frozen=True, slots=True)
class Position:
    """A line of an attempt; as text, ``2:17``, it is the id of an event."""

    attempt: int
    line: int

    def __str__(self) -> str:
        return f"{self.attempt}:{self.line}"


def position_of(request: web.Request, attempt: int) -> Position:
    """Where the client broke off (``Last-Event-ID`` or ``?after=``); else the beginning of ``attempt``."""
    text = request.headers.get("Last-Event-ID") or request.query.get("after", "")
    before, _, line = text.rpartition(":")
    return Position(_number(before) or attempt, _number(line))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


async def follow_attempts(
    engine: Engine, run_id: RunId, start: Position, *, pinned: bool
) -> AsyncGenerator[tuple[int, LogChunk]]:
    """Chunks and their attempt's number: of one attempt if ``pinned``, else of all until the run is final."""
    number, after = start.attempt, start.line
    while True:
        async for chunk in engine.logs.follow(run_id, number, after):
            yield number, chunk
        run = await engine.runs.get(run_id)
        if pinned or (run.state.final and run.attempt <= number):
            return
        number, after = number + 1, 0


async def follow_events(
    engine: Engine, run_id: RunId, start: Position, *, pinned: bool
) -> AsyncGenerator[Event]:
    """For programs: ``log`` for each chunk, its last line being the id, then ``end`` with the run."""
    async for number, chunk in follow_attempts(engine, run_id, start, pinned=pinned):
        document = {"attempt": number, **chunk_document(chunk)}
        yield Event("log", document, str(Position(number, chunk.last)))
    run = await engine.runs.get(run_id)
    yield Event("end", await shown_aside((run,), lambda: run_document(run)))
